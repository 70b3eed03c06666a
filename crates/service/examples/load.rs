//! One process that spends from a credential: the gate, a client over the network and the fleet, as in a node, and in place
//! of scrapes a load that can be chosen. The tests start several of them on one coordination file.
//!
//! It decides nothing about pace. It tells what became of each request, a line each: when it was asked for (by this machine's
//! true clock), its lane, the milliseconds that the gate kept it, and the status or the error.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use backends::sqlite::Coordination;
use clap::Parser as _;
use github::gate::Ask;
use github::{
    ApiUrl, Client, Clock, Credential, Gate, Governor, Lane, MemoryAnswers, Request, Settings,
    reqwest_transport,
};
use jiff::SignedDuration;
use quota::{Policy, Resource};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use service::health::{Component, Health};
use service::task::fleet::Fleet;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The name that all processes know the credential by.
const CREDENTIAL: &str = "token";

/// Spend from a credential together with others, until SIGTERM
#[derive(Debug, Clone, clap::Parser)]
struct Arguments {
    /// Root of GitHub's REST API
    #[arg(long)]
    api_url: String,
    /// The token
    #[arg(long)]
    token: String,
    /// The file in which the processes meet
    #[arg(long)]
    coordination: PathBuf,
    /// The name of this process among them, and in the paths that it asks for
    #[arg(long)]
    member: String,
    /// The file for a line per request
    #[arg(long)]
    log: PathBuf,
    /// How the lanes after live are paced
    #[arg(long, default_value = "adaptive")]
    policy: Policy,
    /// Seconds by which the process takes the time to be later than it is
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    clock_ahead: i64,
    #[command(subcommand)]
    load: Load,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Load {
    /// Requests that come at random, whatever becomes of those before
    Live {
        /// Requests per second, on average
        #[arg(long)]
        rate: f64,
        /// What chance is made of
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Items one after the other, each of so many requests
    Bulk {
        /// Items to do
        #[arg(long)]
        items: u64,
        /// Requests of an item
        #[arg(long)]
        calls: u64,
    },
}

/// What sends requests and tells of them.
#[derive(Clone)]
struct Sender {
    member: Arc<str>,
    client: Client,
    gate: Gate,
    log: Arc<File>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut leave = signal(SignalKind::terminate())?;
    let clock =
        Clock::virtual_from(Clock::real().now() + SignedDuration::from_secs(arguments.clock_ahead));
    let settings = quota::Settings {
        policy: arguments.policy,
        ..quota::Settings::default()
    };
    let governor = Governor::new(clock, settings);
    let gate = governor.gate(CREDENTIAL);
    let board = Coordination::open(&arguments.coordination)?;
    let fleet = Fleet::new(
        governor,
        Arc::new(board),
        clock,
        arguments.member.clone(),
        Arc::new(Default::default),
        Health::new([Component::Coordination], clock.now()),
    );
    fleet.join().await?;
    let over = CancellationToken::new();
    let part = tokio::spawn(fleet.run(over.clone()));

    let api_url = ApiUrl::parse(&arguments.api_url)?;
    let client = Client::new(
        Settings::new(api_url.clone(), CREDENTIAL),
        Credential::Token(arguments.token.clone().into()),
        reqwest_transport(&api_url)?,
        gate.clone(),
        clock,
        Arc::new(MemoryAnswers::new(0)),
    );
    let log = File::options()
        .create(true)
        .append(true)
        .open(&arguments.log)
        .context("cannot open the log")?;
    let sender = Sender {
        member: arguments.member.as_str().into(),
        client,
        gate,
        log: Arc::new(log),
    };
    let load = async {
        match arguments.load {
            Load::Live { rate, seed } => sender.live(rate, seed).await,
            Load::Bulk { items, calls } => sender.bulk(items, calls).await,
        }
    };
    tokio::select! {
        done = load => done?,
        _ = leave.recv() => {}
    }
    over.cancel();
    part.await.context("the fleet task panicked")
}

impl Sender {
    async fn live(&self, rate: f64, seed: u64) -> anyhow::Result<()> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut sent = JoinSet::new();
        for number in 0_u64.. {
            let apart = -(1.0 - random.random::<f64>()).ln() / rate;
            tokio::time::sleep(Duration::from_secs_f64(apart)).await;
            let (sender, request) = (self.clone(), self.request(Lane::Live, number));
            sent.spawn(async move { sender.send(Lane::Live, request).await });
            while let Some(ended) = sent.try_join_next() {
                ended??;
            }
        }
        Ok(())
    }

    async fn bulk(&self, items: u64, calls: u64) -> anyhow::Result<()> {
        for item in 0..items {
            let ask = Ask::item(Resource::core(), calls);
            let pass = self.gate.item(Lane::Bulk, ask).await;
            for call in 0..calls {
                let request = self.request(Lane::Bulk, item * calls + call);
                self.send(Lane::Bulk, request.within(pass.id())).await?;
            }
        }
        Ok(())
    }

    /// Something that nobody else asks for. Its path says who does.
    fn request(&self, lane: Lane, number: u64) -> Request {
        let (lane, by) = (lane.as_str(), &self.member);
        Request::get(format!("/orgs/acme?lane={lane}&by={by}&number={number}")).unconditional()
    }

    async fn send(&self, lane: Lane, request: Request) -> anyhow::Result<()> {
        let at = Clock::real().now().as_millisecond();
        let before = self.waited(lane);
        let outcome = match self.client.send(lane, request).await {
            Ok(answer) => answer.status.as_u16().to_string(),
            Err(error) => error.to_string().replace(' ', "_"),
        };
        let waited = (self.waited(lane) - before).as_millis();
        let line = format!("{at} {lane} {waited} {outcome}\n", lane = lane.as_str());
        (&*self.log)
            .write_all(line.as_bytes())
            .context("cannot write to the log")
    }

    /// How long the gate has kept requests of a lane, together.
    fn waited(&self, lane: Lane) -> Duration {
        let waits = self.gate.report().waits;
        let own = waits.iter().filter(|total| total.lane == lane);
        own.map(|total| total.time).sum()
    }
}
