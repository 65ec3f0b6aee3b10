"""Codes MC010 to MC099: a file whose YAML is sound, but whose shape, place or comments are not."""

from meshc.codes.entry import Code
from meshc.diagnostics import Severity

FILE = (
    Code(
        "MC010",
        "missing-api-version",
        """
        A file that does not say `apiVersion: meshc/v1`.

        Without it meshc can't know whether the file is part of the mesh or something else that lies in the same folder, and leaving it out
        silently could leave out a policy. Add the line, or name the file in `mesh.exclude`.

        ```yaml bad
        apiVersion: v1
        services:
          users: {ports: {http: 80}}
        ```

        ```yaml good
        apiVersion: meshc/v1
        services:
          users: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC011",
        "unknown-key",
        """
        A key that the language does not have at this place.

        A misspelt key that is ignored is a setting that silently does not hold. The message names the nearest key that exists here.

        ```yaml bad
        services:
          users: {ports: {http: 80}, acces: deny}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}, access: deny}
        ```
        """,
    ),
    Code(
        "MC012",
        "invalid-value",
        """
        A value of the wrong kind or form for its key.

        The message says what was expected there. YAML decides some kinds by their look: `on` is a string, `true` is not; `1.31` is a
        number, `"1.31"` a string.

        ```yaml bad
        services:
          users: {ports: {http: 80}, timeouts: {idle: 5 minutes}}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}, timeouts: {idle: 5m}}
        ```
        """,
    ),
    Code(
        "MC013",
        "missing-key",
        """
        A key that must be there and is not.

        There is no default that would be right for every mesh. The message names the key and what belongs into it.

        ```yaml bad
        services:
          users: {selector: {app: users}}
        ```

        ```yaml good
        services:
          users: {selector: {app: users}, ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC014",
        "wrong-extension",
        """
        A `.yml` file in the tree of a mesh, or a `.json` file that says `apiVersion: meshc/v1`; meshc reads `.yaml`.

        A file that looks like part of the mesh but is not read is a policy that does not hold. Rename it, or name it in `mesh.exclude`.
        Other JSON files, such as keys, are no part of a mesh and are left alone.
        """,
    ),
    Code(
        "MC015",
        "duplicate-name",
        """
        One thing that is defined twice: two of one kind, namespace and name, in two files.

        Neither can be meant to win, since the order of files never matters. Rename or remove one of them; to change a value for one
        environment, use an overlay under `environments/`.
        """,
    ),
    Code(
        "MC016",
        "overlay-conflict",
        """
        One key that two overlays of the same environment set.

        The order of files never matters, so neither can win. Leave the key in one of them.
        """,
    ),
    Code(
        "MC017",
        "overlay-removes-nothing",
        """
        An overlay that removes, with `null`, a key that the mesh below it does not have; or one that changes a rule or thing that does
        not exist.

        Usually the key was renamed in the mesh and the overlay forgotten, or the overlay names no `namespace`, so that the change no longer
        happens. Use the present name, or drop the entry. A new thing is one that says what it is: a service its ports, a route its rules.
        """,
    ),
    Code(
        "MC018",
        "two-mesh-blocks",
        """
        Two files that both have the key `mesh`.

        What holds for the whole mesh is said in one place. Merge the two blocks; what one environment changes goes into an overlay.
        """,
    ),
    Code(
        "MC019",
        "empty-pattern",
        """
        A request pattern `{}` without any key.

        It may be meant to take everything or to be filled in later, and in an allow that difference is the whole policy. To take
        everything, write the key that says so: `paths: /**`, or `from: [everyone]` in a policy.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], allow: [{}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], allow: [{from: [mtls]}]}
        ```
        """,
    ),
    Code(
        "MC020",
        "ignore-without-reason",
        """
        A comment `# meshc: ignore[...]` that gives no reason.

        Who reads it later can't tell whether it still holds. Write the reason behind the bracket, as in
        `# meshc: ignore[MC201] kept until the old clients are gone`.
        """,
    ),
    Code(
        "MC021",
        "unused-ignore",
        """
        A comment `# meshc: ignore[...]` that ignores nothing.

        What it was written for is gone, and it would hide the next mistake on its line. Delete it, or the code that no longer applies.
        """,
        severity=Severity.WARNING,
    ),
    Code(
        "MC022",
        "unsuppressible-code",
        """
        A comment `# meshc: ignore[...]` that names a code which can't be ignored, or does not exist.

        Only judgements can be ignored: codes MC2xx, MC3xx, MC4xx, MC6xx and MC7xx. A broken file, a reference to nothing or something a
        target can't express has no meaning that a build could go on with.
        """,
    ),
    Code(
        "MC023",
        "path-not-normal",
        """
        A path that no request ever has once it is read, because it is not in normal form.

        Requests are matched by their segments after percent-decoding, with dot segments removed and repeated slashes merged; a pattern
        that is not in that form matches nothing, and a deny written so protects nothing. Write the path as the application sees it.

        ```yaml bad
        services:
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], deny: [{paths: [/api/../admin/**]}]}
        ```

        ```yaml good
        services:
          users: {ports: {http: 80}}
        policies:
          users: {services: [users], deny: [{paths: [/admin/**]}]}
        ```
        """,
    ),
    Code(
        "MC024",
        "regex-not-portable",
        r"""
        A regular expression outside the part on which all engines agree.

        RE2, PCRE2 and Python read it differently or not at all, so that one target would take a request that another refuses. Use literals,
        classes like `[a-z0-9-]`, groups, `|`, `*`, `+`, `?` and `{m,n}`; no look-around, back references or `\w`-like classes.
        """,
    ),
    Code(
        "MC025",
        "missing-file",
        """
        A file that the mesh names (a key set, a CA, a certificate) and that is not there or can't be read.

        The path is relative to the file that names it, and must lie inside the mesh's folder.
        """,
    ),
    Code(
        "MC026",
        "invalid-name",
        """
        A name that Kubernetes or DNS would not take.

        Names become parts of host names and of objects' names: lower-case letters, digits and `-`, beginning and ending with a letter or
        digit, at most 63 characters.

        ```yaml bad
        services:
          Users_API: {ports: {http: 80}}
        ```

        ```yaml good
        services:
          users-api: {ports: {http: 80}}
        ```
        """,
    ),
    Code(
        "MC027",
        "empty-mesh",
        """
        A folder in which there is no file of a mesh.

        A check of nothing would pass, and a build of nothing would remove what was built before. Name the folder that holds the mesh's
        `*.yaml` files; `meshc init` writes a first one.
        """,
    ),
    Code(
        "MC028",
        "misplaced-overlay",
        """
        A YAML file in a folder below `environments/`, where it belongs to no environment.

        An overlay is `environments/<env>.yaml`; one that lies deeper would never be laid over anything. Move it up: several teams may each
        have an `environments/` folder of their own, beside their files.
        """,
    ),
)
