"""The part of include/vkseg/vkseg.h that comparisons need, through ctypes: one session in this very process, so that both
sides are timed alternately by the same clocks."""
import ctypes as C

import numpy as np


class _ContextParams(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("device", C.c_char_p), ("options", C.c_char_p), ("use_environment", C.c_int),
                ("max_memory", C.c_uint64), ("log_level", C.c_int), ("log", C.c_void_p), ("user", C.c_void_p)]


class _ModelParams(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("family", C.c_char_p), ("options", C.c_char_p), ("precision", C.c_int)]


class _Image(C.Structure):
    _fields_ = [("pixels", C.c_void_p), ("type", C.c_int), ("width", C.c_uint32), ("height", C.c_uint32),
                ("channels", C.c_uint32), ("row_bytes", C.c_size_t), ("centre", C.c_float), ("window", C.c_float)]


class _Prompt(C.Structure):
    _fields_ = [("kind", C.c_int), ("object", C.c_uint32), ("x0", C.c_float), ("y0", C.c_float), ("x1", C.c_float),
                ("y1", C.c_float), ("label", C.c_int32), ("logits", C.c_void_p), ("lw", C.c_uint32), ("lh", C.c_uint32)]


class _Masks(C.Structure):
    _fields_ = [("objects", C.c_uint32), ("per_object", C.c_uint32), ("width", C.c_uint32), ("height", C.c_uint32),
                ("mask", C.c_void_p), ("iou", C.c_void_p), ("lw", C.c_uint32), ("lh", C.c_uint32),
                ("logits", C.POINTER(C.c_float))]


class _Embedding(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("channels", C.c_uint32), ("height", C.c_uint32), ("width", C.c_uint32),
                ("image_width", C.c_uint32), ("image_height", C.c_uint32), ("family", C.c_char * 32), ("model", C.c_char * 65), ("image", C.c_char * 65),
                ("data", C.POINTER(C.c_float))]


class _Device(C.Structure):
    _fields_ = [("index", C.c_uint32), ("name", C.c_char * 256), ("driver", C.c_char * 256), ("uuid", C.c_char * 33),
                ("device_class", C.c_char * 16), ("capabilities", C.c_char * 256), ("memory", C.c_uint64),
                ("max_binding", C.c_uint64), ("subgroup_size", C.c_uint32), ("usable", C.c_uint32), ("reason", C.c_char * 256)]


def view(pixels):
    """Of bytes that someone keeps."""
    return _Image(pixels.ctypes.data, 0, pixels.shape[1], pixels.shape[0], 3 if pixels.ndim == 3 else 1, 0, 0, 0)


class Session:
    """A model on a device. `log` is called with every message when given (options="profile=1": a line per dispatch).
    family None: as vkseg recognises it."""

    def __init__(self, library, model, device="cpu", options=None, log=None, family="sam"):
        self.lib = C.CDLL(library)
        self.lib.vks_last_error.restype = C.c_char_p
        callback = C.CFUNCTYPE(None, C.c_void_p, C.c_int, C.c_char_p)
        self.log = callback((lambda user, level, text: log(text.decode())) if log else (lambda user, level, text: None))
        params = _ContextParams(C.sizeof(_ContextParams), device.encode(), options and options.encode(), 0, 0, 2,
                                C.cast(self.log, C.c_void_p), None)
        self.context, self.model, self.session = C.c_void_p(), C.c_void_p(), C.c_void_p()
        self._try(self.lib.vks_context_create(C.byref(params), C.byref(self.context)))
        params = _ModelParams(C.sizeof(_ModelParams), family and family.encode(), None, 1)
        self._try(self.lib.vks_model_load(self.context, model.encode(), C.byref(params), C.byref(self.model)))
        self._try(self.lib.vks_session_create(self.model, None, C.byref(self.session)))

    def _try(self, status):
        if status:
            raise SystemExit("vkseg: " + self.lib.vks_last_error().decode())

    def device(self):
        info = _Device()
        self._try(self.lib.vks_context_device(self.context, C.byref(info)))
        return f"{info.name.decode()}, {info.driver.decode()}"

    def close(self):
        for name, handle in (("session", self.session), ("model", self.model), ("context", self.context)):
            getattr(self.lib, f"vks_{name}_destroy")(C.byref(handle))

    def show(self, images, labels):
        """Examples [S, height, width], bytes, for a family that takes them; of labels, what is not 0 is the object."""
        images, labels = (np.ascontiguousarray(x) for x in (images, labels))
        examples = (_Image * (2 * len(images)))(*(view(x) for pair in zip(images, labels) for x in pair))
        self._try(self.lib.vks_session_set_support(self.session, examples, C.c_size_t(len(images))))

    def encode(self, pixels):
        """pixels [height, width, 3] or, grey, [height, width], bytes."""
        pixels = np.ascontiguousarray(pixels)
        image = view(pixels)
        self._try(self.lib.vks_session_set_image(self.session, C.byref(image)))

    def embedding(self):
        out = C.POINTER(_Embedding)()
        self._try(self.lib.vks_session_get_embedding(self.session, C.byref(out)))
        if out.contents.struct_size < C.sizeof(_Embedding):
            raise SystemExit("vkseg_c.py does not know this library's vks_embedding")
        shape = (out.contents.channels, out.contents.height, out.contents.width)
        data = np.ctypeslib.as_array(out.contents.data, shape).copy()
        self.lib.vks_embedding_free(C.byref(out))
        return data

    def decode(self, box=None):
        """Without a box: for a family that takes no prompts."""
        prompt = _Prompt(1, 0, *(box or (0, 0, 0, 0)), 0, None, 0, 0)
        out = C.POINTER(_Masks)()
        self._try(self.lib.vks_session_predict(self.session, C.byref(prompt), C.c_size_t(box is not None), 0,
                                               C.byref(out)))
        logits = np.ctypeslib.as_array(out.contents.logits, (out.contents.lh, out.contents.lw)).copy()
        self.lib.vks_masks_free(C.byref(out))
        return logits
