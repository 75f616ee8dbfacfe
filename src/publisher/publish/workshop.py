"""Where projects are built: how far from the tokens of this job, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from publisher.errors import (
    BuildNotIsolated,
    MissingPermission,
    NoIdentityProvider,
    PublisherError,
)
from publisher.options import Options
from publisher.providers.base import Provider
from publisher.publish import build
from publisher.publish.recorder import Recorder
from publisher.remarks import remark
from publisher.world import World

APART = """\
Build in a job of its own that may not ask for tokens, with `publisher build`, and publish with
--expect: what changed on the way stops the release."""
OR = "If the build is to be trusted with all that: --allow build-not-isolated."


@dataclass
class Workshop:
    """Builds the projects of one run, isolated where the kernel can.

    ``env`` is what a build gets, cleaned.
    """

    options: Options
    provider: Provider
    world: World
    env: Mapping[str, str]
    record: Recorder
    _obstacles: set[str | None] = field(default_factory=set)

    def build(self, project: Path, why: str, number: int) -> tuple[Path, ...]:
        """Build one project, the run's ``number``-th.

        Raises:
            DistError: It does not build, or must not be built here.
        """
        into = project / self.options.packages_dir
        if self.world.build_into:
            into = self.world.build_into / str(number)
        with self.record.step("build", f"sdist, then the wheel from it ({why})"):
            return build.build(
                project,
                into,
                env=self.env,
                on_line=self.record.reporter.detail,
                note=self.record.note,
                isolated=self.look(project),
                networked="networked-build" in self.options.allow,
            )

    def look(self, project: Path) -> bool:
        """Whether this build is isolated; say what that means, unless it was said of another.

        Raises:
            BuildNotIsolated: It is not, and what would be built is no release of a CI.
        """
        obstacle = build.obstacle(self.env, project)
        if obstacle not in self._obstacles:
            self._obstacles.add(obstacle)
            if near := self._near:
                self._tell_near(near, obstacle)
            if obstacle:
                what = f"the build can't be isolated here: {obstacle}"
                self.record.note(remark("isolation-unavailable", what))
        return obstacle is None

    @property
    def _near(self) -> str:
        """What this very job could publish with, whatever was asked of it now; or nothing."""
        if not self.world.real:
            return ""
        if any(index.account for index in self.world.indexes):
            return "has a password"
        return "can get tokens" if self.record.run.identity or self._may_ask else ""

    @property
    def _may_ask(self) -> bool:
        """Whether this job may ask for ID tokens, or holds some; nothing is asked here."""
        try:
            self.provider.preflight()
        except (MissingPermission, NoIdentityProvider):
            return False
        except PublisherError:
            pass  # it may, and they would help us with nothing
        return self.provider.held() != {}

    def _tell_near(self, near: str, obstacle: str | None) -> None:
        way = "its build is isolated, as far as one machine goes"
        way = "nothing isolates its build" if obstacle else way
        what = f"the project is built in the job that {near}; {way}"
        self.record.note(remark("build-in-publishing-job", what, hint=APART))
        if obstacle and not self._released and BuildNotIsolated.code not in self.options.allow:
            raise BuildNotIsolated(
                "neither a tag nor a release started this job, and nothing would keep the build "
                f"from what it publishes with: {obstacle}",
                facts={"obstacle": obstacle},
                hint=f"{APART}\n\n{OR}",
            )

    @property
    def _released(self) -> bool:
        """Whether somebody released this on purpose: no CI's event, a tag of it, or --tag."""
        known = self.provider.public_issuer and self.provider.detects(self.provider.env)
        if not known and not self.env.get("CI"):  # most CIs that we don't know set it
            return True
        return bool(self.provider.tag()) or self.options.tag not in {"auto", "none"}
