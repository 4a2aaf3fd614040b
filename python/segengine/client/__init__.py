"""The client: written once in `_async`, its synchronous twin in `_sync` generated, over two transports.

`methods` names what can be called, `status` turns what gRPC says into `segengine.errors`, `seam` holds the few things
that cannot be written once, `embedded` is the transport without a network.
"""
