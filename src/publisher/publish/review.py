"""``doctor``: what would be published, as whom, and what would be refused. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from publisher.errors import (
    ExchangeError,
    IndexUnreachable,
    NothingToPublish,
    PublisherError,
    Stopped,
)
from publisher.models import Dist, Identity, Plan, Planned
from publisher.outlook import Form, Opinion, Outlook, Review
from publisher.publish import contract, dists, exchange, existing, lease, plan, sources
from publisher.publish.preparation import Preparation
from publisher.remarks import remark
from publisher.world import Index

WHY: Mapping[str, str] = {
    "new": "the index has no file of this name",
    "identical": "the index has this very file, proven by digest",
    "conflict": "the index has another file of this name, which can never be replaced",
}
UNSURE = "nothing is against it, as far as can be told"


@dataclass
class Examination(Preparation):
    """Looks at everything that ``publish`` would look at, and goes on after each problem.

    The first problem's exit code is the run's: the one that ``publish`` would end with.
    """

    found: Review = field(default_factory=Review)
    _to_build: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Fill the run's review.

        Raises:
            InvalidValue, PathNotFound: What is asked for can't be meant.
        """
        self.record.run.review = self.found
        planned = self.read_paths()
        actor = self.provider.understudy()
        self.found.played = actor is not self.provider
        self.provider, self.record.run.provider = actor, actor.name
        self.record.run.invented = not actor.knows_itself()
        self.record.run.guessed = {} if self._here else actor.guessed()
        self.aim()
        with self._tolerant(), self.record.step("identity", "finding out who this run is"):
            self._look_who()
        who = self.record.run.identity
        if who:
            self._judge_both(who)
        files, projects = self._files(planned)
        if files and self.attesting:
            with self._tolerant():
                self._look_beside(who, files)
        for index in self.world.indexes:
            with self._tolerant():
                self._look_at(index, who, files, projects)

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Stopped:
            raise
        except PublisherError as error:
            self._tell(error)

    def _tell(self, error: PublisherError) -> None:
        run = self.record.run
        run.exit_code = run.exit_code or error.exit_code
        self.record.note(error.finding(self.provider.hint(error)))

    # As whom

    def _look_who(self) -> None:
        """Who the job is, or would be: from its token, from given claims, or invented."""
        if self._here:
            if self.audiences:
                self.probe()
            return
        claims = self.provider.claims or self.provider.persona().claims
        who = Identity(self.provider.name, self.provider.issuer, claims, {}, {})
        self.record.run.identity = who  # whoever has no publisher is judged all the same
        if not self.provider.mint_verdict(claims).accepted:
            with suppress(PublisherError):  # the verdict says it all
                self._name(who)
            return
        self._name(who)

    def _name(self, who: Identity) -> None:
        claims = who.claims
        publisher, register = self.provider.publisher(claims), self.provider.register(claims)
        compared = self.provider.compared
        unknown = self.record.run.guessed
        guesses = {value for label, value in register.items() if label in unknown}
        publisher = {key: None if v in guesses else v for key, v in publisher.items()}
        register = {label: value for label, value in register.items() if label not in unknown}
        self.record.run.identity = replace(
            who, publisher=publisher, register=register, compared=compared
        )

    def _judge_both(self, who: Identity) -> None:
        minted = self.provider.mint_verdict(who.claims)
        attested = self.provider.attest_verdict(who.claims, public=self.world.public_log)
        if self.minting:
            self.found.mint = self._known(Opinion(minted.accepted, minted.code, minted.why))
            self.found.attest = self._known(Opinion(attested.accepted, attested.code, attested.why))
        for objection in self.objections(who):
            self._tell(objection)
        if not self.found.played:
            self.tell_risks(who)

    def _known(self, opinion: Opinion) -> Opinion | None:
        """What is known of it: nothing of who is invented, not all of who is guessed."""
        run = self.record.run
        if self.found.played and run.invented:
            return None
        unsure = opinion.accepted and run.guessed
        return replace(opinion, why=UNSURE, sure=False) if unsure else opinion

    # What

    def _look_beside(self, who: Identity | None, files: Sequence[Dist]) -> None:
        """Attestations that lie beside the dists; whose they must be is known in a job only."""
        if who and self._here:
            self.proofs.find(who, files)
        else:
            existing.beside(files)

    def _files(self, planned: Sequence[sources.Source]) -> tuple[list[Dist], list[str]]:
        """The dists that lie here, and the projects that they, or sources here, are of."""
        paths: list[str] = []
        projects = []
        for source in planned:
            paths += source.found
            if source.project:
                name, version = sources.declared(source.project)
                projects += [canonicalize_name(name)] if name else []
                if name and version:
                    self._to_build[canonicalize_name(name)] = version
                what = f"{name or source.project} {version or ''}".strip()
                self.record.note(remark("would-build", f"{what} would be built: {source.why}"))
        for project in [source.project for source in planned if source.project and self._here]:
            with self._tolerant():
                self.workshop.look(project)
        read: list[Dist] = []
        with self._tolerant(), self.record.step("dists", "reading and checking every file"):
            read += self._read(self._collect(paths))
            if read:
                dists.check(read, tag=self._tag())
            if read and self._expected:
                contract.check(self._expected, read)
        self.record.run.dists = tuple(read)
        return read, sorted({dist.project for dist in read} or set(projects))

    def _collect(self, paths: Sequence[str]) -> Sequence[Path]:
        """The files; a review of claims may well stand in an empty folder."""
        try:
            return dists.collect(paths, self.record.note) if paths else ()
        except NothingToPublish as error:
            if self._here:
                raise
            self.record.note(remark("nothing-here", error.message))
            return ()

    def _read(self, paths: Sequence[Path]) -> Iterator[Dist]:
        """The files that are good; each of the others is refused for itself."""
        for path, found in zip(paths, dists.read_each(paths, self.record.note), strict=True):
            if isinstance(found, Dist):
                yield found
                continue
            self._tell(found)
            for index in self.world.indexes:
                refused = Outlook(index.name, path.name, None, "refused", found.message)
                self.found.plan.append(refused)

    # On each index

    def _look_at(
        self, index: Index, who: Identity | None, files: Sequence[Dist], projects: Sequence[str]
    ) -> None:
        made, known = Plan(()), False
        with (
            self._asking(f"what {index.name} has") as silent,
            self.record.step("plan", f"looking at what {index.name} has"),
        ):
            made = plan.compare(self.http, index, files, projects)
            known = index.simple_url is not None and bool(projects)
        self._tell_there(index, made)
        self.found.plan += [_outlook(index, planned) for planned in made.files]
        with self._tolerant():
            plan.refuse(self.http, index, made)
        if not self.found.played:
            with self._tolerant():
                self.compare_with_last(index, made, who)
        target = self.target(index)
        if target.attestations == "off":
            what = f"no attestations for {index.name}: {target.why}"
            self.record.note(remark("attestations-off", what))
        if index.account:
            return
        if who is None or not who.register:
            return
        if self.record.run.invented and not self._here:
            self._tell_unknown(index)
            return
        if not silent:
            with self._asking(f"the audience that {index.name} asks for"):
                exchange.confirm_audience(self.http, index, who)
        for project in projects:
            self._show_form(index, who, project, new=project in made.new_projects)
        if not projects:
            self._show_form(index, who, None, new=True)
        if self.options.auth:
            self._try_token(index, who, made.new_projects, known=known)

    def _tell_there(self, index: Index, made: Plan) -> None:
        """What is to be built may be published already: a new build would seldom be the same."""
        for project, version in self._to_build.items():
            with suppress(ValueError):  # no version; the build will say so
                if there := sorted(plan.release_of(made.pages.get(project, {}), version)):
                    what = f"{index.name} has {project} {version} already"
                    hint = "A build with other bytes would be refused: raise the version first."
                    self.record.note(remark("version-there", what, hint=hint, files=there))

    def _tell_unknown(self, index: Index) -> None:
        """Values that are made up are not shown: somebody might register them."""
        what = f"what to register on {index.name} is not known: no git remote names the repository"
        hint = "Run this in the project's checkout, with a remote, or give --provider-claims."
        self.record.note(remark("repository-unknown", what, hint=hint))

    @contextmanager
    def _asking(self, what: str) -> Iterator[list[IndexUnreachable]]:
        """Go on without an answer. Of a job that isn't here, nobody knows what network it has.

        Yields a list that then has the error, if the index did not answer at all.
        """
        silent: list[IndexUnreachable] = []
        try:
            yield silent
        except ExchangeError as error:
            silent += [error] if isinstance(error, IndexUnreachable) else []
            if self._here:
                self._tell(error)
            else:
                why = f"{what} could not be read: {error.message}"
                self.record.note(remark("index-not-readable", why))

    @property
    def _here(self) -> bool:
        """Whether this process is the job, and not only a review of its claims."""
        return self.world.vouched and not self.found.played

    def _show_form(self, index: Index, who: Identity, project: str | None, *, new: bool) -> None:
        fields = self.provider.form
        filled = {fields[k].parameter: v for k, v in who.register.items() if k in fields}
        pending = {"project_name": project} if project and new else {}
        form = {"provider": self.provider.name, **filled, **pending}
        url = index.publishing_url(None if new else project, form)
        known = {**who.register, **self.record.run.guessed}
        shown = {label: known[label] for label in fields or known if label in known}
        self.found.forms.append(Form(index.name, project, shown, url))
        if project and new:
            what = f"{project} is not on {index.name} yet: register a pending publisher for it"
            hint = "The first upload token creates the project; until then, the name is free."
            self.record.note(remark("new-project", what, hint=hint, index=index.name))

    def _try_token(self, index: Index, who: Identity, new: Sequence[str], *, known: bool) -> None:
        """Mint and burn, if that creates nothing: whatever is not known to exist may be new."""
        if not self._here:
            self.record.note(remark("not-minted", "there is no ID token here to trade"))
            return
        if new or not known:
            names = ", ".join(new) or "a project, for it is not known which one this is about,"
            what = f"no token is asked for: it might create {names} on {index.name}"
            self.record.note(remark("not-minted", what))
            return
        with lease.upload_token(self.world, self.record, self.http, index, who):
            pass  # that it can be had is all there is to know


def _outlook(index: Index, planned: Planned) -> Outlook:
    dist = planned.dist
    why = planned.why or WHY[planned.state]
    return Outlook(index.name, dist.filename, dist.sha256, planned.state, why)
