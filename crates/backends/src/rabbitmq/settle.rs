//! How a message in hand is done with. Decides the order: what comes of it is kept by the broker before it is acknowledged.

use std::sync::Arc;

use lapin::options::BasicAckOptions;
use ledger::port::queue::Delivery;
use tokio::time::timeout;

use super::PATIENCE;
use super::intake::{Held, Intake};
use super::publisher::{Letter, Publisher};
use super::trouble::Trouble;

/// The message is done with.
pub(super) async fn ack(intake: &Intake, delivery: &Delivery) -> Result<(), Trouble> {
    match intake.release(delivery) {
        Some(held) => acknowledge(intake, &held).await,
        None => Ok(()),
    }
}

/// Another message takes its place. It is in hand again if that could not be published.
pub(super) async fn instead(
    intake: &Arc<Intake>,
    publisher: &Arc<Publisher>,
    delivery: &Delivery,
    letter: impl FnOnce(Vec<u8>) -> Letter,
) -> Result<(), Trouble> {
    let Some(held) = intake.release(delivery) else {
        return Ok(());
    };
    let letter = letter(held.body.clone());
    let (intake, publisher) = (Arc::clone(intake), Arc::clone(publisher));
    // Goes on without its caller: in between, the message is in nobody's hands.
    let settled = tokio::spawn(async move {
        match publisher.publish(letter).await {
            Ok(()) => acknowledge(&intake, &held).await,
            Err(trouble) => {
                intake.hold_again(held);
                Err(trouble)
            }
        }
    });
    settled.await.unwrap_or(Err(Trouble::Closed))
}

/// Where its channel has ended there is nothing to acknowledge: it comes again.
async fn acknowledge(intake: &Intake, held: &Held) -> Result<(), Trouble> {
    let address = || Arc::clone(intake.address());
    let acknowledging = held.acker.ack(BasicAckOptions::default());
    match timeout(PATIENCE, acknowledging).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_gone)) => Err(Trouble::Lost(address())),
        Err(_elapsed) => Err(Trouble::Silent {
            address: address(),
            seconds: PATIENCE.as_secs(),
        }),
    }
}
