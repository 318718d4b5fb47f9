//! The API without its sockets.
