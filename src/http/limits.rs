//! What one caller, and all of them together, may take: connections, bytes, time and attempts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits; the defaults are the product's, tests take smaller ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many connections are open at once.
    pub connections: usize,
    /// How long the head of a request, and then its body, may take; and how long an answer may wait
    /// for a caller that does not read it.
    pub patience: Duration,
    /// The largest body of a webhook, in bytes: the most that GitHub sends.
    pub webhook_body: usize,
    /// How many bytes of webhook bodies may await their HMAC together.
    pub awaiting_hmac: usize,
    /// How many unsigned or wrongly signed webhook calls a minute are answered 401, for each address
    /// and for all together; those beyond are answered 429.
    pub strikes: (u32, u32),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            patience: Duration::from_secs(10),
            webhook_body: 25 << 20,
            awaiting_hmac: 64 << 20,
            strikes: (30, 300),
        }
    }
}

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Larger than allowed.
    TooLarge,
    /// Not whole in time.
    TooSlow,
    /// No room for it in time.
    NoRoom,
    /// The caller hung up, or broke the framing.
    Broken,
}

/// The memory that webhook bodies share until their HMAC is known.
///
/// Room is taken as the bytes come and not by what a header announces: to hold it, a caller must
/// have sent it. Addresses that sent wrong signatures share at most half, so that they cannot keep
/// the forge out.
#[derive(Debug)]
pub(crate) struct BodyRoom {
    all: Arc<Semaphore>,
    suspects: Arc<Semaphore>,
}

/// A whole body, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    /// The bytes.
    pub bytes: Vec<u8>,
    room: [Option<OwnedSemaphorePermit>; 2],
}

impl BodyRoom {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(bytes)), suspects: Arc::new(Semaphore::new(bytes / 2)) }
    }

    /// Reads a body of at most `limit` bytes, all of it within `patience`.
    ///
    /// # Errors
    /// What [`BodyError`] says; nothing is held then.
    pub(crate) async fn read(
        &self,
        body: Body,
        limit: usize,
        patience: Duration,
        suspect: bool,
    ) -> Result<Held, BodyError> {
        let waiting_for_room = std::sync::atomic::AtomicBool::new(false);
        let reading = self.read_all(body, limit, suspect, &waiting_for_room);
        match tokio::time::timeout(patience, reading).await {
            Ok(held) => held,
            Err(_) if waiting_for_room.into_inner() => Err(BodyError::NoRoom),
            Err(_) => Err(BodyError::TooSlow),
        }
    }

    async fn read_all(
        &self,
        mut body: Body,
        limit: usize,
        suspect: bool,
        waiting: &std::sync::atomic::AtomicBool,
    ) -> Result<Held, BodyError> {
        let mut held = Held { bytes: Vec::new(), room: [None, None] };
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            if held.bytes.len() + data.len() > limit {
                return Err(BodyError::TooLarge);
            }
            waiting.store(true, std::sync::atomic::Ordering::Relaxed);
            self.take(&mut held, &data, suspect).await?;
            waiting.store(false, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(held)
    }

    async fn take(&self, held: &mut Held, data: &Bytes, suspect: bool) -> Result<(), BodyError> {
        let bytes = u32::try_from(data.len()).map_err(|_| BodyError::TooLarge)?;
        let pools = [Some(&self.suspects).filter(|_| suspect), Some(&self.all)];
        for (pool, taken) in pools.into_iter().zip(&mut held.room) {
            let Some(pool) = pool else { continue };
            let room = Arc::clone(pool).acquire_many_owned(bytes).await.map_err(|_| BodyError::NoRoom)?;
            // One permit for all of it: a body in chunks of a byte must not cost a permit for each.
            match taken {
                Some(taken) => taken.merge(room),
                None => *taken = Some(room),
            }
        }
        held.bytes.extend_from_slice(data);
        Ok(())
    }
}

/// The time in which strikes are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// How many addresses are remembered; beyond, only the total counts.
const ADDRESSES: usize = 4_096;

/// Counts the calls of a minute that were not signed, or signed wrongly.
#[derive(Debug)]
pub(crate) struct Strikes {
    limits: (u32, u32),
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    total: u32,
    wrong: HashMap<IpAddr, u32>,
}

impl Strikes {
    /// None yet; `limits` are for one address and for all.
    pub(crate) fn new(limits: (u32, u32)) -> Self {
        let window = Window { since: Instant::now(), total: 0, wrong: HashMap::new() };
        Self { limits, window: Mutex::new(window) }
    }

    /// Counts one; says whether it is beyond what a minute allows.
    pub(crate) fn strike(&self, address: Option<IpAddr>) -> bool {
        let mut window = self.window();
        window.total = window.total.saturating_add(1);
        let room = window.wrong.len() < ADDRESSES;
        let mut own = 0;
        if let Some(address) = address.map(network).filter(|a| room || window.wrong.contains_key(a)) {
            let count = window.wrong.entry(address).or_default();
            *count = count.saturating_add(1);
            own = *count;
        }
        own > self.limits.0 || window.total > self.limits.1
    }

    /// Whether this address struck in this minute.
    pub(crate) fn is_suspect(&self, address: Option<IpAddr>) -> bool {
        address.map(network).is_some_and(|address| self.window().wrong.contains_key(&address))
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.elapsed() > WINDOW {
            *window = Window { since: Instant::now(), total: 0, wrong: HashMap::new() };
        }
        window
    }
}

/// An IPv4 address itself, and of an IPv6 address the /64 that one customer has to choose from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: usize) -> Body {
        Body::from(vec![b'x'; bytes])
    }

    const PATIENCE: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn bodies_share_their_room_and_give_it_back() {
        let room = BodyRoom::new(100);
        let first = room.read(body(80), 90, PATIENCE, false).await.expect("room");
        let second = room.read(body(30), 90, PATIENCE, false).await;
        assert_eq!(second.expect_err("no room"), BodyError::NoRoom);
        drop(first);
        assert_eq!(room.read(body(90), 90, PATIENCE, false).await.expect("room").bytes.len(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn suspects_never_take_more_than_half() {
        let room = BodyRoom::new(100);
        let _suspect = room.read(body(50), 90, PATIENCE, true).await.expect("half");
        assert_eq!(room.read(body(1), 90, PATIENCE, true).await.expect_err("full"), BodyError::NoRoom);
        assert!(room.read(body(50), 90, PATIENCE, false).await.is_ok(), "the forge has the other half");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_beyond_the_limit_is_refused() {
        let room = BodyRoom::new(100);
        assert_eq!(room.read(body(51), 50, PATIENCE, false).await.expect_err("large"), BodyError::TooLarge);
        assert_eq!(room.all.available_permits(), 100);
    }

    /// A body whose sender stopped after announcing it.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up_and_held_no_room() {
        let room = BodyRoom::new(100);
        let silent = room.read(Body::new(Silent), 90, PATIENCE, false).await;
        assert_eq!(silent.expect_err("silent"), BodyError::TooSlow);
        assert_eq!(room.all.available_permits(), 100);
    }

    #[test]
    fn an_address_is_limited_for_itself_and_a_flood_for_all() {
        let strikes = Strikes::new((2, 4));
        let ip = |text: &str| Some(text.parse().expect("an address"));
        assert!(!strikes.is_suspect(ip("10.0.0.1")));
        assert!(!strikes.strike(ip("10.0.0.1")));
        assert!(!strikes.strike(ip("::ffff:10.0.0.1")));
        assert!(strikes.strike(ip("10.0.0.1")), "the third of one address");
        assert!(strikes.is_suspect(ip("10.0.0.1")) && !strikes.is_suspect(ip("10.0.0.2")));
        assert!(!strikes.strike(ip("10.0.0.2")));
        assert!(strikes.strike(ip("10.0.0.3")), "the fifth of all");
    }

    #[test]
    fn the_addresses_of_one_ipv6_customer_are_one() {
        let one = network("2001:db8::1".parse().expect("an address"));
        assert_eq!(one, network("2001:db8::ffff:1".parse().expect("an address")));
        assert_ne!(one, network("2001:db8:0:1::1".parse().expect("an address")));
    }
}
