//! Takes an address before anything else is started, so that a port in use ends the start and not the night.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

use crate::Trouble;

/// Binds an address; port 0 takes any free port, which the listener then tells.
///
/// # Errors
///
/// Why the address cannot be had, and what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, Trouble> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|error| {
        let trouble = match error.kind() {
            ErrorKind::AddrInUse => Trouble::new(format!("the port of {address} is in use"))
                .remedy("stop the program that has it, or choose another with --listen (port 0 takes any free one)"),
            ErrorKind::PermissionDenied => Trouble::new(format!("not allowed to listen on {address}"))
                .remedy("choose a port from 1024 on with --listen"),
            ErrorKind::AddrNotAvailable => Trouble::new(format!("this machine has no address {}", address.ip()))
                .remedy("choose one that it has with --listen, such as 127.0.0.1:10270"),
            _ => Trouble::new(format!("cannot listen on {address}")),
        };
        trouble.because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_the_remedy() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let line = bind(address).unwrap_err().to_string();
        assert!(
            line.contains(&address.to_string()) && line.contains("--listen"),
            "{line}"
        );
    }

    #[test]
    fn an_address_of_another_machine_is_named_with_the_remedy() {
        let line = bind("192.0.2.1:0".parse().unwrap())
            .unwrap_err()
            .to_string();
        assert!(line.contains("no address 192.0.2.1"), "{line}");
    }
}
