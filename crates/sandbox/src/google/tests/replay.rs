//! The recorded exchanges with the real services.
