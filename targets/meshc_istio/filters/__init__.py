"""What only Istio's back door can say: patches of proxies, where a line of the spec asks for them, and none where they are forbidden."""
