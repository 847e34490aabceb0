"""From the scenario's [data] table to a Dataset."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol, TypeVar

from channelsim.data import idx_files, inline, npz, own
from channelsim.data.dataset import Dataset, assemble
from channelsim.data.findings import Scale
from channelsim.data.raw import Raw, Target
from channelsim.data.registry import NAMES, SETS
from channelsim.errors import InputError
from channelsim.paths import path_of


class IdxFiles(Protocol):
    """What a [data] table says of IDX files: key ("train_x", ...) -> path."""

    @property
    def files(self) -> Mapping[str, Path]: ...


class DataTable(inline.Samples, Protocol):
    """What `load_dataset` reads of a scenario's [data] table."""

    @property
    def name(self) -> str: ...
    @property
    def called(self) -> str: ...
    @property
    def idx(self) -> IdxFiles | None: ...
    @property
    def dataset(self) -> own.Use | None: ...
    @property
    def train(self) -> int | None: ...
    @property
    def test(self) -> int | None: ...
    @property
    def validation(self) -> int: ...
    @property
    def normalize(self) -> bool: ...
    @property
    def scale(self) -> Scale: ...
    @property
    def target(self) -> Target: ...


class DataSource(Protocol):
    """What `dataset_of` reads of a scenario."""

    @property
    def data(self) -> DataTable: ...
    @property
    def path(self) -> Path | None: ...


def dataset_of(scenario: DataSource) -> Dataset:
    """The data set of a scenario. Raises InputError as `load_dataset`; what a key has wrong begins with the file."""
    path = scenario.path
    try:
        return load_dataset(scenario.data, path.parent if path else None)
    except InputError as error:
        if path is None or not str(error).startswith("data."):
            raise
        raise InputError(f"{path}: {error}") from None


def load_dataset(
    config: DataTable | None = None,
    base: Path | None = None,
    *,
    name: str | None = None,
    train: int | None = None,
    test: int | None = None,
    validation: int = 0,
    normalize: bool = False,
    scale: Scale = "auto",
    target: Target = "auto",
) -> Dataset:
    """The data set of a scenario's [data] table, or of the keywords that stand for it.

    Arguments:
        config: A [data] table (`channelsim.Data`): anything with the attributes `name`, `train`, `test`, `validation`,
            `normalize`, `scale` and `target`, a function in `dataset`, files in `idx`, the samples themselves in
            `train_x`, `train_y`, `test_x` and `test_y` (or None), and `called`, the set's name in words; the keywords
            are then not looked at.
        base: The folder that a relative path of a file or folder starts from (None: the current directory).
        name: One of `NAMES`, a path that ends in `.npz`, or one with a slash of a folder with IDX files.
        train, test: Use only the first so many samples (None: all; of a synthetic set 1000 and 200).
        validation: So many samples are taken from the end of the training set and held out; `train` counts what
            remains.
        normalize: Give each channel zero mean and unit variance over the training samples.
        scale: Divide the values by this number, or use them as they are ("none"). "auto": sets known by name have
            values of 0..1; in an .npz file integers are divided by 255 if the largest needs 8 bits (128..255), all else
            is used as it is.
        target: What is learned: "classes"; "real" numbers (class numbers then are numbers too); "input": the images
            themselves; "auto": in an .npz file classes or real numbers, by what its labels look like; else classes.

    Raises:
        InputError: The set is unknown or lies nowhere, a file is damaged or disagrees with another, or there are too
            few samples.
    """
    if config is not None:
        name, train, test, validation = config.name, config.train, config.test, config.validation
        normalize, scale, target = config.normalize, config.scale, config.target
    if name is None:
        raise TypeError("load_dataset needs a [data] table or a name")
    raw = _raw(name, base, train, test, validation, scale, target, config)
    return assemble(name if config is None else config.called, raw, train, test, validation, normalize, scale, target)


Table = TypeVar("Table", bound=DataTable)


def load_each(tables: Iterable[Table]) -> Iterator[tuple[Table, Dataset | InputError]]:
    """The data set of each [data] table, or why there is none (as `load_dataset`).

    Tables that cut one source in different ways follow each other, for which it is read once.
    """
    by_source: dict[Hashable, list[Table]] = {}
    for table in tables:
        by_source.setdefault(_source(table), []).append(table)
    for same in by_source.values():
        first = same[0]
        try:
            raw = _raw(first.name, None, first.train, first.test, first.validation, first.scale, first.target, first)
        except InputError as error:
            yield from ((table, error) for table in same)
            continue
        for one in same:
            try:
                found = assemble(
                    one.called, raw, one.train, one.test, one.validation, one.normalize, one.scale, one.target
                )
            except InputError as error:
                yield one, error
            else:
                yield one, found


def _source(table: DataTable) -> Hashable:
    """What `_raw` depends on: a synthetic set is made in the size that is asked for."""
    made = table.name in SETS and SETS[table.name].make is not None
    inline_samples = table.train_x, table.train_y, table.test_x, table.test_y
    sizes = (table.train, table.test, table.validation) if made else None
    return table.name, table.idx, table.dataset, table.scale, table.target, inline_samples, sizes


def _raw(
    name: str,
    base: Path | None,
    train: int | None,
    test: int | None,
    validation: int,
    scale: Scale,
    target: Target,
    table: DataTable | None,
) -> Raw:
    """The samples that stand in the table, in its IDX files, or that its function returns; those of an .npz file or a
    folder of IDX files, or a set of `NAMES`."""
    if table is not None and table.train_x is not None:
        return inline.load(table)
    if table is not None and table.dataset is not None:
        return own.load(table.dataset, scale, target)
    if table is not None and table.idx is not None:
        files = table.idx.files
        return idx_files.load(files, files["train_x"], scale, target)
    if name.endswith(".npz"):
        return npz.load((base or Path()) / path_of(name), scale, target)
    if "/" in name or "\\" in name:
        folder = (base or Path()) / path_of(name)
        return idx_files.load(idx_files.in_folder(folder), folder, scale, target)
    known = SETS.get(name)
    if known is not None and known.make is not None:
        return known.make(train, test, validation)
    if known is not None and known.read is not None:
        return known.read()
    raise _unknown(name)


def _unknown(name: str) -> InputError:
    near = get_close_matches(name, NAMES, n=1)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return InputError(
        f'data.name = "{name}": no such data set; {hint}accepted are {", ".join(NAMES)}, or a path to an .npz file or'
        " a folder of IDX files"
    )
