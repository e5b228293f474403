"""Files of other frameworks, fabricated byte by byte from their published formats."""

import io
import pickle
import struct
import zipfile

import numpy as np

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}


def varint(number):
    out = b""
    while True:
        number, low = number >> 7, number & 127
        out += bytes([low | (128 if number else 0)])
        if not number:
            return out


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def block(entries):
    """A LevelDB block whose keys share their beginnings."""
    out, last = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        fresh = key[shared:]
        out += varint(shared) + varint(len(fresh)) + varint(len(value)) + fresh + value
        last = key
    return out + struct.pack("<II", 0, 1)


def bundle(folder, arrays):
    """A TensorFlow checkpoint of one shard; (its .index, its .data)."""
    raw, entries = b"", [(b"", number(1, 1))]
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        shape = b"".join(text(2, number(1, n)) for n in array.shape)
        entry = number(1, TYPES[array.dtype.name]) + text(2, shape)
        entry += number(4, len(raw)) + number(5, array.nbytes)
        entries.append((name.encode(), entry + varint(6 << 3 | 5) + bytes(4)))
        raw += array.tobytes()
    data_block = block(entries)
    out, handles = b"", []
    for part in (data_block, block([])):
        handles.append(varint(len(out)) + varint(len(part)))
        out += part + bytes(5)
    index_block = block([(b"zzz", handles[0])])
    index = varint(len(out)) + varint(len(index_block))
    out += index_block + bytes(5)
    footer = (handles[1] + index).ljust(40, b"\0")
    out += footer + struct.pack("<Q", 0xDB4775248B80FB57)
    (folder / "0-.index").write_bytes(out)
    (folder / "1-.data-00000-of-00001").write_bytes(raw)
    return folder / "0-.index", folder / "1-.data-00000-of-00001"


class Storage:
    """Stands for a torch storage while pickling."""

    def __init__(self, array, key):
        self.array, self.key = array, key


class Global:
    """Pickles as a name of another module."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        raise AssertionError("never called")


class View:
    """Pickles as torch's call that rebuilds a tensor."""

    def __init__(self, storage, offset, shape, stride):
        self.parts = (storage, offset, shape, stride, False, {})

    def __reduce__(self):
        return Global("torch._utils", "_rebuild_tensor_v2"), self.parts


class Pickler(pickle._Pickler):
    def persistent_id(self, thing):
        if isinstance(thing, Storage):
            kind = {"float32": "FloatStorage", "int64": "LongStorage"}[thing.array.dtype.name]
            return ("storage", Global("torch", kind), thing.key, "cpu", thing.array.size)
        return None

    def save(self, thing, save_persistent_id=True):
        if isinstance(thing, Global):
            self.write(f"c{thing.module}\n{thing.name}\n".encode())
            return
        super().save(thing, save_persistent_id)


def dumps(thing):
    out = io.BytesIO()
    Pickler(out, 2).dump(thing)
    return out.getvalue()


def torch_zip(path, views, *, pickled=None, storages=None, compression=zipfile.ZIP_STORED):
    """A zip as torch.save makes it. views: name -> (storage array, offset, shape, stride)."""
    own = {}
    for array, *_ in views.values():
        own.setdefault(id(array), Storage(array, str(len(own))))
    if pickled is None:
        state = {name: View(own[id(view[0])], *view[1:]) for name, view in views.items()}
        pickled = dumps(state)
    arrays = [storage.array for storage in own.values()] if storages is None else storages
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        for key, array in enumerate(arrays):
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return path


def module_pickle():
    """A pickled module of an unknown class, with one tensor of storage '0' [2 3]."""
    view = View(Storage(np.zeros(6, np.float32), "0"), 0, (2, 3), (3, 1))
    parts = {"_parameters": {"weight": view}, "_buffers": {}, "_modules": {}, "training": True}
    layer = Module("torch.nn.modules.conv", "Conv1d", parts)
    inner = Module("their.package", "Stack", {"_modules": {"0": layer}})
    return dumps(Module("their.package", "Net", {"_modules": {"generator": inner}, "rate": 16000}))


class Module:
    """Pickles as an object of a class that is not here: made empty, then given its state."""

    def __init__(self, module, name, state):
        self.place, self.state = (module, name), state

    def __reduce__(self):
        rebuild = Global("copyreg", "_reconstructor")
        return rebuild, (Global(*self.place), Global("builtins", "object"), None), self.state
