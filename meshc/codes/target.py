"""Codes MC501 to MC599: what the mesh asks of a target that the target can't give exactly."""

from meshc.codes.entry import Code

TARGET = (
    Code(
        "MC501",
        "unsupported-feature",
        """
        Something in the mesh that the target can't express exactly.

        meshc writes nothing rather than something else than the mesh says. Change the mesh, build it for another target, or accept the
        named approximation where the help offers one, under `mesh.targets.<target>.accept`. `meshc targets` shows what each target
        supports.
        """,
    ),
    Code(
        "MC502",
        "unsupported-combination",
        """
        Two things that the target supports one by one, but not together.

        The message names both. Change one of them, or build for another target.
        """,
    ),
    Code(
        "MC503",
        "unsupported-version",
        """
        Something that the target's version, as `mesh.targets` names it, does not have yet or no longer has.

        The message names the version that has it. Raise the version if the engine that runs is newer, or change the mesh.
        """,
    ),
    Code(
        "MC504",
        "unknown-target",
        """
        A target that is not installed.

        Targets are plug-ins that are found by name; `meshc targets` lists those that are there.
        """,
    ),
    Code(
        "MC505",
        "unknown-target-option",
        """
        An option under `mesh.targets.<target>` that the target does not know.

        An option that is ignored is a setting that silently does not hold. The message names the nearest option that exists.
        """,
    ),
    Code(
        "MC506",
        "unknown-accept",
        """
        A name under `mesh.targets.<target>.accept` that is no approximation of this target.

        Only named approximations can be accepted, each for one thing that a target does not do exactly; the message lists them.
        """,
    ),
)
