//! Attacks on an HTTP server, each of them one way to use a connection, over and over.
//!
//! An attack runs until it is dropped. At most [`CROWD`] connections are open at once: more than
//! the exporter has places for, and fewer than the descriptors that a process usually may have. A
//! stranger whose connection is closed reconnects, so that some seconds see thousands of
//! connections.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
    time::{interval, sleep},
};

use crate::hostile::door::{Door, Stream};

/// Number of strangers that only hold a connection.
const CROWD: usize = 600;
/// Number of strangers that write as fast as they can.
const BAND: usize = 16;
/// Wait of a stranger before the next connection, and of a slow one between headers.
const BACK_AFTER: Duration = Duration::from_millis(100);
/// Longest time for which a stranger holds a connection.
const HOLD: Duration = Duration::from_secs(5);
const GIANT: usize = 4 << 20;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Attack {
    /// Nobody attacks; the other figures are compared with these.
    None,
    SilentConnections,
    SlowHeads,
    GiantHeads,
    GiantPaths,
    PipelinedGarbage,
    PipelinedRequests,
    SlowReaders,
    WrongPasswords,
    AbandonedConnections,
}

impl Attack {
    pub(crate) const ALL: [Self; 10] = [
        Self::None,
        Self::SilentConnections,
        Self::SlowHeads,
        Self::GiantHeads,
        Self::GiantPaths,
        Self::PipelinedGarbage,
        Self::PipelinedRequests,
        Self::SlowReaders,
        Self::WrongPasswords,
        Self::AbandonedConnections,
    ];

    /// Starts the attack, which runs until the result is dropped. `login` is a valid login header.
    pub(crate) fn start(self, door: &Door, login: &'static str) -> JoinSet<()> {
        let mut strangers = JoinSet::new();
        let count = match self {
            Self::None => 0,
            Self::WrongPasswords => 1,
            Self::SilentConnections | Self::SlowHeads | Self::SlowReaders => CROWD,
            _ => BAND,
        };
        for number in 0..count {
            let door = door.clone();
            strangers.spawn(async move {
                loop {
                    // The exporter may close the connection in any way.
                    let _ = self.once(&door, login, number).await;
                    if count == CROWD {
                        sleep(BACK_AFTER).await;
                    }
                }
            });
        }
        strangers
    }

    async fn once(self, door: &Door, login: &str, number: usize) -> io::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::SilentConnections => {
                let mut stream = door.knock().await?;
                if number.is_multiple_of(2) {
                    // The first bytes of a TLS record, which mean nothing to a server without TLS.
                    stream.write_all(&[0x16, 3, 1]).await?;
                }
                read_to_the_end(&mut stream).await
            }
            Self::SlowHeads => slow_head(door.enter().await?).await,
            Self::GiantHeads => {
                giant(door.enter().await?, b"GET /metrics HTTP/1.1\r\nX-Giant: ").await
            }
            Self::GiantPaths => giant(door.enter().await?, b"GET /").await,
            Self::PipelinedGarbage => garbage(door.enter().await?, number).await,
            Self::PipelinedRequests => {
                let mut stream = door.enter().await?;
                let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{login}\r\n");
                // Nobody reads the answers, so writing stops when all buffers are full.
                let writing = async { stream.write_all(request.repeat(10_000).as_bytes()).await };
                tokio::time::timeout(HOLD, writing).await?
            }
            Self::SlowReaders => {
                let mut stream = door.enter().await?;
                let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{login}\r\n");
                stream.write_all(request.as_bytes()).await?;
                stream.flush().await?;
                sleep(HOLD).await;
                Ok(())
            }
            Self::WrongPasswords => guess(door).await,
            Self::AbandonedConnections => {
                door.enter().await.map(drop)?;
                // Limits the rate, because with more connections a second the machine would run out
                // of ports first.
                sleep(Duration::from_millis(5)).await;
                Ok(())
            }
        }
    }
}

/// Sends one header after another, and never the last.
async fn slow_head(mut stream: Box<dyn Stream>) -> io::Result<()> {
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n").await?;
    loop {
        stream.write_all(b"X: y\r\n").await?;
        stream.flush().await?;
        sleep(BACK_AFTER).await;
    }
}

async fn giant(mut stream: Box<dyn Stream>, begin: &[u8]) -> io::Result<()> {
    stream.write_all(begin).await?;
    stream.write_all(&vec![b'a'; GIANT]).await?;
    read_to_the_end(&mut stream).await
}

/// Sends a good request, followed at once by random bytes.
async fn garbage(mut stream: Box<dyn Stream>, number: usize) -> io::Result<()> {
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    let mut state = number as u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(64 * 1024)
    .collect();
    stream.write_all(&noise).await?;
    read_to_the_end(&mut stream).await
}

/// Sends fifty wrong logins a second, each on its own connection, for a user that exists and for
/// one that does not.
async fn guess(door: &Door) -> io::Result<()> {
    // `prometheus:adivina` and `nadie:adivina`.
    const GUESSES: [&str; 2] = ["cHJvbWV0aGV1czphZGl2aW5h", "bmFkaWU6YWRpdmluYQ=="];
    let mut guesses = JoinSet::new();
    let mut tick = interval(Duration::from_millis(20));
    for guess in GUESSES.into_iter().cycle() {
        tick.tick().await;
        while guesses.try_join_next().is_some() {}
        let door = door.clone();
        guesses.spawn(async move {
            let mut stream = door.enter().await?;
            let head = format!("Connection: close\r\nAuthorization: Basic {guess}\r\n");
            stream
                .write_all(format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{head}\r\n").as_bytes())
                .await?;
            read_to_the_end(&mut stream).await
        });
    }
    Ok(())
}

async fn read_to_the_end(stream: &mut (impl Stream + ?Sized)) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
