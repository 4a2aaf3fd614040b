//! The server as its callers meet it: generated clients over real sockets, and the same services in process.

mod binary;
mod files;
mod front;
mod house;
mod identities;
mod impressions;
mod in_process;
mod lifecycle;
mod raw;
