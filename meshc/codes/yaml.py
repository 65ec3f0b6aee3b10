"""Codes MC001 to MC009: what can be wrong with a file before anyone asks what it means."""

from meshc.codes.entry import Code

YAML = (
    Code(
        "MC001",
        "unreadable-file",
        """
        A file that can't be read as text: no permission, not UTF-8, or not text at all.

        Nothing in it can be checked, and a reader that guesses an encoding may read another mesh than the one that was written.
        Save the file as UTF-8 (a byte order mark is fine) and make sure that meshc may read it.
        """,
    ),
    Code(
        "MC002",
        "invalid-yaml",
        """
        A file that is not valid YAML 1.2.

        The message names the place where reading stopped; the mistake is there or shortly before it. The usual ones: a tab for
        indentation, a missing space after a colon, and a value that starts with a character YAML keeps for itself.

        ```yaml bad
        services:
          users: {ports: {http: 80}, calls: [*]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}, calls: ["orders"]}
          orders: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC003",
        "duplicate-key",
        """
        A key that stands twice in one map.

        Most YAML readers keep the last one and say nothing, so half of what was written has no effect. Keep one of the two, or merge them.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
          users: {ports: {http: 8080}}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
          accounts: {ports: {http: 8080}}
        ```
        """,
    ),
    Code(
        "MC004",
        "merge-key",
        """
        A merge key `<<`, which YAML 1.2 does not have.

        Readers disagree on what it means and in which order it applies. Write the keys out, or give the whole value an anchor and use its
        alias; what holds for all services belongs under `mesh.defaults`.

        ```yaml bad
        services:
          users: &web {ports: {http: 80}}
          orders: {<<: *web, access: deny}
        ```

        ```yaml good
        services:
          users: {ports: &web {http: 80}}
          orders: {ports: *web, access: deny}
        ```
        """,
    ),
    Code(
        "MC005",
        "several-documents",
        """
        A file with more than one YAML document.

        A second document would be a second mesh file without a name of its own. Move what follows `---` into a file of its own, or drop
        the `---` if both belong together.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        ---
        services:
          orders: {ports: {http: 80}}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
          orders: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC006",
        "unsupported-yaml",
        """
        Valid YAML that a mesh has no use for: a tag, a key that is not a string, or an alias that contains itself.

        Tags and such keys are read differently by different programs. Leave the tag out; put quotes around a key that looks like a number,
        a truth value or null.

        ```yaml bad
        services:
          80: {ports: {http: 80}}
        ```

        ```yaml good
        services:
          "80": {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC007",
        "limit-exceeded",
        """
        A file beyond what meshc reads: too large, nested too deeply, or grown too large by its aliases.

        The limits are far above any mesh that a person maintains; they keep a hostile or broken file from taking the machine down. Split
        the file, or write aliased parts once.
        """,
    ),
)
