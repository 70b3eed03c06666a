//! A simulated GitHub in the test's own process, so that the test can look into it and change it, behind a real socket,
//! so that processes can reach it.

use std::net::{Ipv4Addr, SocketAddr};

use github_sim::{Sim, SimClock, SimConfig, serve};
use tokio::runtime::Runtime;

/// A simulated GitHub that ends with the test.
pub(crate) struct GitHub {
    pub(crate) sim: Sim,
    pub(crate) address: String,
    _runtime: Runtime,
}

impl GitHub {
    pub(crate) fn start(config: SimConfig) -> GitHub {
        GitHub::start_with(config, SimClock::real())
    }

    pub(crate) fn start_with(config: SimConfig, clock: SimClock) -> GitHub {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let sim = Sim::new(config, clock);
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let served = serve::spawn(sim.clone(), anywhere, std::future::pending());
        let (address, _server) = runtime.block_on(served).expect("a port is free");
        GitHub {
            sim,
            address: address.to_string(),
            _runtime: runtime,
        }
    }

    /// What `--api-url` takes.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A small GitHub that stands still.
pub(crate) fn small() -> SimConfig {
    SimConfig {
        repos: 3,
        active: 1,
        users: 8,
        speed: 0.0,
        ..SimConfig::default()
    }
}
