"""What every Directory promises about folders, secrets and grants (scim/directory/port_holdings.py); see
directory_contract.py for how it is used. `give` and `takes_views` are the fixture's: a holder, and the vault's record.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from scim.content import (
    FolderChange,
    FolderLevel,
    FolderQuery,
    GrantChange,
    GrantQuery,
    Levels,
    NewFolder,
    NewGrant,
    NewSecret,
    SecretChange,
    SecretLevel,
    SecretQuery,
    grant_id,
)
from scim.errors import InvalidValue, Mutability, NotFound, Uniqueness
from scim.model import FolderId, Kind, Ref, SecretId, Window

NOWHERE = FolderId(1_999_999_999)
NO_SECRET = SecretId(1_999_999_999)
VIEW = Levels(FolderLevel.VIEW, SecretLevel.LIST)
EDIT = Levels(FolderLevel.EDIT, SecretLevel.VIEW)
_numbers = itertools.count(1)


def unused(stem: str) -> str:
    return f"{stem} {next(_numbers)}"


class HoldingsContract:
    @pytest.fixture
    async def directory(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    async def holder(self) -> Ref:
        """A user who may be given rights."""
        raise NotImplementedError

    async def box(self, directory: Any, parent: Any = None) -> Any:
        return await directory.create_folder(NewFolder(unused("box"), parent.id if parent else None))

    async def secret(self, directory: Any, folder: Any) -> Any:
        template = next(t for t in await directory.templates() if "Windows" in t.name)
        return await directory.create_secret(NewSecret(unused("key"), template.id, folder.id, fill=True))

    # --- folders ----------------------------------------------------------------------------------------------------

    async def test_a_created_folder_is_read_back_and_found(self, directory: Any) -> None:
        top = await self.box(directory)
        below = await self.box(directory, top)
        read = await directory.folder(below.id)
        assert (below.name, top.id, True) == (read.name, read.parent.id, read.inherits)
        assert top.path + "\\" + below.name == read.path
        for query in (
            FolderQuery(ids=(below.id,)),
            FolderQuery(name=below.name.upper()),
            FolderQuery(path=read.path),
            FolderQuery(parent=top.id),
        ):
            assert [below.id] == [f.id for f in (await directory.find_folders(query)).items]

    async def test_a_missing_folder_or_secret_is_not_found(self, directory: Any) -> None:
        with pytest.raises(NotFound):
            await directory.folder(NOWHERE)
        with pytest.raises(NotFound):
            await directory.secret(NO_SECRET)
        with pytest.raises(NotFound):
            await directory.grant(Kind.FOLDER_GRANT, grant_id(NOWHERE, 1, to_group=False))

    async def test_folders_move_and_never_into_themselves(self, directory: Any) -> None:
        top, other = await self.box(directory), await self.box(directory)
        below = await self.box(directory, top)
        moved = await directory.change_folder(below, FolderChange(name=unused("new"), parent=other.id))
        assert other.id == moved.parent.id == (await directory.folder(below.id)).parent.id
        inside = await self.box(directory, moved)
        for target in (moved.id, inside.id, NOWHERE):
            with pytest.raises(InvalidValue):
                await directory.change_folder(moved, FolderChange(parent=target))
        assert other.id == (await directory.folder(below.id)).parent.id

    async def test_folders_come_in_pages_and_in_order(self, directory: Any) -> None:
        for _ in range(3):
            await self.box(directory)
        every = await directory.find_folders(FolderQuery(window=Window(0, 500)))
        first = await directory.find_folders(FolderQuery(window=Window(0, 2)))
        rest = await directory.find_folders(FolderQuery(window=Window(2, 500)))
        ids = [f.id for f in every.items]
        assert sorted(ids) == ids == [f.id for f in (*first.items, *rest.items)]

    async def test_an_emptied_folder_is_gone_for_good(self, directory: Any) -> None:
        folder = await self.box(directory)
        assert (0, 0) == await directory.folder_contents(folder)
        await directory.remove_folder(folder)
        with pytest.raises(NotFound):
            await directory.folder(folder.id)

    # --- secrets ----------------------------------------------------------------------------------------------------

    async def test_a_secret_is_made_renamed_moved_and_deactivated_unseen(self, directory: Any) -> None:
        here, there = await self.box(directory), await self.box(directory)
        made = await self.secret(directory, here)
        read = await directory.secret(made.id)
        assert (made.name, here.id) == (read.name, read.folder.id)
        changed = await directory.change_secret(read, SecretChange(name=unused("renamed"), folder=there.id))
        assert there.id == changed.folder.id
        for query in (SecretQuery(ids=(made.id,)), SecretQuery(name=changed.name), SecretQuery(folder=there.id)):
            assert [made.id] == [s.id for s in (await directory.find_secrets(query)).items]
        await directory.remove_secret(changed)
        await directory.remove_secret(changed)
        with pytest.raises(NotFound):
            await directory.secret(made.id)

    # --- grants -----------------------------------------------------------------------------------------------------

    async def test_a_grant_is_one_pair_whatever_happens_to_it(self, directory: Any, holder: Ref) -> None:
        folder = await self.box(directory)
        before = {
            g.id: g.levels for g in (await directory.find_grants(GrantQuery(Kind.FOLDER_GRANT, on=folder.id))).items
        }
        made = await directory.create_grant(NewGrant(Kind.FOLDER_GRANT, folder, holder, to_group=False, levels=VIEW))
        assert grant_id(folder.id, holder.id, to_group=False) == made.id
        with pytest.raises(Uniqueness):
            await directory.create_grant(NewGrant(Kind.FOLDER_GRANT, folder, holder, to_group=False, levels=EDIT))
        changed = await directory.change_grant(await directory.grant(made.kind, made.id), GrantChange(levels=EDIT))
        assert (made.id, EDIT) == (changed.id, (await directory.grant(made.kind, made.id)).levels)
        await directory.remove_grant(changed)
        await directory.remove_grant(changed)
        after = {
            g.id: g.levels for g in (await directory.find_grants(GrantQuery(Kind.FOLDER_GRANT, on=folder.id))).items
        }
        assert before == after

    async def test_a_write_on_what_inherits_is_refused_unless_told_to_detach(self, directory: Any, holder: Ref) -> None:
        top = await self.box(directory)
        below = await self.box(directory, top)
        above = {g.holder.id for g in (await directory.find_grants(GrantQuery(Kind.FOLDER_GRANT, on=top.id))).items}
        new = NewGrant(Kind.FOLDER_GRANT, below, holder, to_group=False, levels=VIEW)
        with pytest.raises(Mutability):
            await directory.create_grant(new)
        assert (await directory.folder(below.id)).inherits
        await directory.create_grant(
            NewGrant(Kind.FOLDER_GRANT, below, holder, to_group=False, levels=VIEW, detach=True)
        )
        found = (await directory.find_grants(GrantQuery(Kind.FOLDER_GRANT, on=below.id))).items
        assert above | {holder.id} == {g.holder.id for g in found}
        assert all(g.inherited_from is None for g in found)

    async def test_inherited_grants_are_seen_through_their_folder(self, directory: Any, holder: Ref) -> None:
        top = await self.box(directory)
        below = await self.box(directory, top)
        await directory.create_grant(NewGrant(Kind.FOLDER_GRANT, top, holder, to_group=False, levels=VIEW))
        seen = await directory.grant(Kind.FOLDER_GRANT, grant_id(below.id, holder.id, to_group=False))
        assert (top.id, VIEW) == (seen.inherited_from.id, seen.levels)

    async def test_direct_grants_are_found_by_holder_and_in_lists(self, directory: Any, holder: Ref) -> None:
        folder = await self.box(directory)
        made = await directory.create_grant(NewGrant(Kind.FOLDER_GRANT, folder, holder, to_group=False, levels=VIEW))
        mine = await directory.find_grants(GrantQuery(Kind.FOLDER_GRANT, user=holder.id))
        listed = await directory.find_grants(GrantQuery(Kind.FOLDER_GRANT, window=Window(0, 10_000)))
        assert made.id in {g.id for g in mine.items}
        assert made.id in {g.id for g in listed.items}
        assert sorted(g.id for g in listed.items) == [g.id for g in listed.items]

    async def test_a_secret_has_direct_grants_only(self, directory: Any, holder: Ref) -> None:
        secret = await self.secret(directory, await self.box(directory))
        assert secret.inherits
        assert () == (await directory.find_grants(GrantQuery(Kind.SECRET_GRANT, on=secret.id))).items
        levels = Levels(None, SecretLevel.VIEW)
        new = NewGrant(Kind.SECRET_GRANT, secret, holder, to_group=False, levels=levels, detach=True)
        made = await directory.create_grant(new)
        assert levels == (await directory.grant(Kind.SECRET_GRANT, made.id)).levels
        assert not (await directory.secret(secret.id)).inherits
