# No Python names: _fast.decode.decode returns the tuples that orders.pxd lists.
