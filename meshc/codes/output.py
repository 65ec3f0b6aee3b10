"""Codes MC801 to MC899: the difference between what a build would write and what is on disk."""

from meshc.codes.entry import Code

OUTPUT = (
    Code(
        "MC801",
        "output-drift",
        """
        Output on disk that is not what the mesh builds to.

        Somebody changed the mesh and did not build, or edited an output file by hand: what is deployed is not what was reviewed. Run
        `meshc build` and commit the result.
        """,
    ),
    Code(
        "MC802",
        "foreign-file",
        """
        A file at a place that the build would write, but that meshc did not make.

        meshc never overwrites or removes what it did not make. Move the file away, or choose another output folder.
        """,
    ),
    Code(
        "MC803",
        "unwritable-output",
        """
        Output that can't be written: no permission, no space, or a symbolic link that leads out of the output folder.

        Nothing was changed; what was there before is still whole.
        """,
    ),
)
