"""Copies of objects with slots; see copies.pyi."""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject, PyTypeObject

cdef extern from "Python.h":
    ctypedef struct Slots "PyTypeObject":
        object (*tp_alloc)(PyTypeObject* cls, Py_ssize_t items)
    ctypedef struct Member "PyMemberDef":
        int type
        Py_ssize_t offset
    ctypedef struct Descriptor "PyMemberDescrObject":
        Member* d_member
    bint PyObject_TypeCheck(object value, PyTypeObject* cls)
    PyTypeObject PyMemberDescr_Type
    void Py_XINCREF(PyObject* value)

cdef extern from "structmember.h":
    int T_OBJECT_EX


@cython.final
cdef class Copier:
    cdef type cls
    cdef Py_ssize_t* offsets
    cdef Py_ssize_t count

    def __cinit__(self, type cls not None, names):
        self.cls, slots = cls, [getattr(cls, name) for name in names]
        self.offsets = <Py_ssize_t*>PyMem_Calloc(<size_t>len(slots) + 1, sizeof(Py_ssize_t))
        if self.offsets is NULL:
            raise MemoryError
        for slot in slots:
            if not PyObject_TypeCheck(slot, &PyMemberDescr_Type) or (
                (<Descriptor*>slot).d_member.type != T_OBJECT_EX
            ):
                raise TypeError(f"{slot!r} is no slot")
            self.offsets[self.count] = (<Descriptor*>slot).d_member.offset
            self.count += 1

    def __dealloc__(self):
        PyMem_Free(self.offsets)

    def __call__(self, original):
        cdef object copied
        cdef PyObject* value
        cdef Py_ssize_t index, offset
        if type(original) is not self.cls:
            raise TypeError(f"{original!r} is no {self.cls.__name__}")
        copied = (<Slots*>self.cls).tp_alloc(<PyTypeObject*>self.cls, 0)
        for index in range(self.count):
            offset = self.offsets[index]
            value = (<PyObject**>(<char*><PyObject*>original + offset))[0]
            Py_XINCREF(value)
            (<PyObject**>(<char*><PyObject*>copied + offset))[0] = value
        return copied
