"""Changes of HDF5 files, made by its own library."""

import h5py
import numpy as np
from mutations import one_file

MOST = 10**5  # numbers of an array that is changed: libhdf5 keeps 700 bytes of each chunk read


def hdf5(folder, random):
    """Change an object or an attribute of an HDF5 file."""
    path = one_file(folder, random, "*.h5", "*.hdf5")
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        name = random.choice(names)
        random.choice(CHANGES)(file, name, random)


def _attribute(file, name, random):
    owner = random.choice((file, file[name]))
    keys = list(owner.attrs) or ["latestIndex", "n_trajectories", "dim_varying", "field_names"]
    key, value = random.choice(keys), random.choice(ATTRIBUTES)
    if value is ...:
        del owner.attrs[key]
    else:
        owner.attrs[key] = file[name].ref if value == "ref" else value


ATTRIBUTES = (
    ..., "ref", 0, -1, 2**62, 1.5, np.nan, True, "text", "", b"bytes", h5py.Empty("f4"),
    np.array([1, 2]), np.array([[True], [False]]), np.array(["x", "y"], h5py.string_dtype()),
    np.array([b"x"]), np.zeros(0), np.complex64(1j), np.zeros(3, [("a", "i4")]),
    np.full((300, 20), 7), np.array([b"\xff\xfe"]), np.array(["x"] * 300, h5py.string_dtype()),
)  # fmt: skip


def _dtype(file, name, random):
    def change(data):
        kind = random.choice(
            ("f2", "f8", ">f4", "i1", "u8", "?", "S3", "c8", "O", "V4", "f16", "U")
        )
        if kind == "O":
            return np.array([str(x) for x in data.reshape(-1)[:9]], h5py.string_dtype())
        if kind == "U":
            return h5py.Empty("f4")
        return np.zeros(data.shape, kind) if kind == "V4" else data.astype(kind)

    _replace(file, name, change)


def _shape(file, name, random):
    changes = (
        lambda data: data[..., None],
        lambda data: data[0],
        lambda data: data[:0],
        lambda data: np.concatenate([data, data[:1]]),
        lambda data: np.moveaxis(data, 0, -1),
        lambda data: data.reshape(-1),
        lambda data: data[..., :1],
    )
    _replace(file, name, random.choice(changes))


def _values(file, name, random):
    def change(data):
        data = data.copy()
        if data.size and data.dtype.kind in "fiu":
            value = random.choice((0, -1, np.nan, np.inf, 1e300, 127))
            where = (..., slice(random.randrange(3), None)) if data.ndim else ...
            with np.errstate(all="ignore"):
                data[where] = np.array(value).astype(data.dtype)
        return data

    _replace(file, name, change)


def _replace(file, name, change):
    found = file[name]
    if isinstance(found, h5py.Dataset) and (found.size or 0) < MOST:
        data, attributes = change(np.asarray(found[()])), dict(found.attrs)
        del file[name]
        file[name] = data
        file[name].attrs.update(attributes)


def _lie(file, name, random):
    """A shape without the numbers."""
    found = file[name]
    if isinstance(found, h5py.Dataset):
        shape, dtype = list(found.shape or (1,)) or [1], found.dtype
        at = random.randrange(len(shape))
        shape[at] = random.choice((10**5, 10**7, 4 * 10**9, 10**11, 2**40))
        options = random.choice(({}, {"chunks": (1,) * len(shape)}, {"chunks": True}))
        if options and random.random() < 0.5:
            options["compression"] = random.choice(("gzip", "lzf"))
        attributes = dict(found.attrs)
        del file[name]
        made = file.create_dataset(name, shape, dtype, **options)
        if options and random.random() < 0.5:
            made[(slice(1),) * len(shape)] = 0
        made.attrs.update(attributes)


def _zeros(file, name, random):
    """Many numbers in few bytes, as deflate can have them."""
    found = file[name]
    if isinstance(found, h5py.Dataset) and found.dtype.kind in "fiub" and found.ndim:
        shape = list(found.shape)
        shape[random.randrange(len(shape))] = random.choice((1000, 100_000))
        if np.prod(shape, dtype=float) < 2e6:
            attributes = dict(found.attrs)
            del file[name]
            made = file.create_dataset(name, data=np.zeros(shape, "f4"), compression="gzip")
            made.attrs.update(attributes)


def _other(file, name, random):
    """Something else under a name, or the same under others."""
    found, kind = file[name], random.randrange(4)
    if kind == 0:
        file[f"{random.choice('0xz')}{random.randrange(9)}"] = found  # another name
    elif kind == 1:
        file.move(name, random.choice(("tensor", "nu", "0/data", "image_array", "dimensions", "9")))
    elif kind == 2 and isinstance(found, h5py.Group):
        found["itself"] = file["/"]
    else:
        del file[name]
        random.choice(INSTEAD)(file, name)


INSTEAD = (
    lambda file, name: None,
    lambda file, name: file.create_group(name),
    lambda file, name: file.__setitem__(name, np.dtype("f4")),
    lambda file, name: file.__setitem__(name, h5py.SoftLink(f"/{name}")),
    lambda file, name: file.__setitem__(name, h5py.ExternalLink("/etc/hostname", "x")),
    lambda file, name: file.create_dataset(name, (4, 4), "f4", external=[("/etc/hostname", 0, 64)]),
)


CHANGES = (_attribute, _attribute, _dtype, _shape, _shape, _values, _lie, _lie, _zeros, _other)
