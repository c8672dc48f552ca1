//! Fetching, against real repositories, a real git server and hostile ones, in real child processes.

mod hostile;
mod http;
mod killed;
mod references;
mod world;
