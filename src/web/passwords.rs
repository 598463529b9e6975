//! Checks passwords against bcrypt hashes within limits.
//!
//! By design, a bcrypt check takes tens of milliseconds. So checks run one at a time on another
//! thread, few may wait, fewer from one address, and a right password is recognised by a keyed
//! hash. A password must never be kept, logged or compared in the clear.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use siphasher::sip128::{Hasher128 as _, SipHasher24};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::config::Secret;

/// Most checks that run or wait. At the usual cost of 10, the last one waits two seconds.
const WAITING: usize = 32;
/// Most checks of one address, so that guessing leaves room for others.
const WAITING_OF_ONE: usize = 8;

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordCheck {
    Good,
    Wrong,
    /// Not checked, because too many wait.
    Busy,
}

/// Password checks of one server.
#[derive(Debug)]
pub(super) struct Passwords {
    key: [u8; 16],
    /// Keyed hash of the last good password of each user.
    good: Mutex<HashMap<String, u128>>,
    turn: Arc<Semaphore>,
    waiting: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Passwords {
    /// Takes the key of the hashes, which is random and new at every start.
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self {
            key,
            good: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Arc::default(),
        }
    }

    /// Checks the password of `user` for a client at `address`. `hashes` is not empty.
    pub(super) async fn check(
        &self,
        hashes: &BTreeMap<String, Secret>,
        user: &str,
        password: &[u8],
        address: IpAddr,
    ) -> PasswordCheck {
        let hash = hashes.get(user);
        let mark = hash.map(|hash| self.mark(user, hash, password));
        if self.is_known(user, mark) {
            return PasswordCheck::Good;
        }
        let Some(place) = Place::take(&self.waiting, address) else { return PasswordCheck::Busy };
        // The semaphore is never closed.
        let Ok(turn) = self.turn.clone().acquire_owned().await else { return PasswordCheck::Busy };
        if self.is_known(user, mark) {
            return PasswordCheck::Good; // an earlier request has checked it meanwhile
        }
        // An unknown user takes as long as a known one, so that the time reveals nothing.
        let Some(against) = hash.or_else(|| hashes.values().max_by_key(|hash| cost(hash))).cloned()
        else {
            return PasswordCheck::Wrong;
        };
        let password = password.to_owned();
        let checked = spawn_blocking(move || {
            // Released after the work, even if the client has gone.
            let _held = (turn, place);
            bcrypt::verify(password, against.expose()).unwrap_or(false)
        });
        match (checked.await, mark) {
            (Ok(true), Some(mark)) => {
                lock(&self.good).insert(user.to_owned(), mark);
                PasswordCheck::Good
            }
            _ => PasswordCheck::Wrong,
        }
    }

    fn is_known(&self, user: &str, mark: Option<u128>) -> bool {
        mark.is_some() && lock(&self.good).get(user).copied() == mark
    }

    /// Hashes user, password and configured hash, so that a changed password is forgotten.
    fn mark(&self, user: &str, hash: &Secret, password: &[u8]) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        for part in [user.as_bytes(), hash.expose().as_bytes(), password] {
            std::hash::Hasher::write_usize(&mut hasher, part.len());
            std::hash::Hasher::write(&mut hasher, part);
        }
        hasher.finish128().as_u128()
    }
}

/// Reads the cost of a hash such as `$2y$10$...`.
fn cost(hash: &Secret) -> u32 {
    hash.expose().split('$').nth(2).and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

/// A place among the checks that run or wait.
struct Place {
    all: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Place {
    fn take(all: &Arc<Mutex<HashMap<IpAddr, usize>>>, address: IpAddr) -> Option<Self> {
        let mut waiting = lock(all);
        let of_this_one = waiting.get(&address).copied().unwrap_or(0);
        if of_this_one >= WAITING_OF_ONE || waiting.values().sum::<usize>() >= WAITING {
            return None;
        }
        waiting.insert(address, of_this_one + 1);
        Some(Self { all: all.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = lock(&self.all);
        match waiting.get_mut(&self.address) {
            Some(more @ 2..) => *more -= 1,
            _ => {
                waiting.remove(&self.address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn hashes(users: &[(&str, &str)]) -> BTreeMap<String, Secret> {
        let hash = |password: &str| bcrypt::hash(password, 4).expect("a hash");
        users
            .iter()
            .map(|(user, password)| ((*user).to_owned(), Secret::new(hash(password))))
            .collect()
    }

    #[tokio::test]
    async fn a_password_is_good_for_its_user_only_and_for_as_long_as_it_is_his() {
        let passwords = Passwords::new([1; 16]);
        let users = hashes(&[("ana", "uno"), ("eva", "dos")]);
        for (user, password, verdict) in [
            ("ana", "uno", PasswordCheck::Good),
            ("ana", "uno", PasswordCheck::Good),
            ("ana", "dos", PasswordCheck::Wrong),
            ("eva", "uno", PasswordCheck::Wrong),
            ("nadie", "uno", PasswordCheck::Wrong),
            ("", "", PasswordCheck::Wrong),
        ] {
            let said = passwords.check(&users, user, password.as_bytes(), HERE).await;
            assert_eq!(said, verdict, "{user} {password}");
        }
        let changed = hashes(&[("ana", "tres")]);
        assert_eq!(passwords.check(&changed, "ana", b"uno", HERE).await, PasswordCheck::Wrong);
        assert!(lock(&passwords.waiting).is_empty());
    }

    #[tokio::test]
    async fn few_may_wait_and_fewer_from_one_address_but_the_known_never_do() {
        let passwords = Passwords::new([1; 16]);
        let users = hashes(&[("ana", "uno")]);
        assert_eq!(passwords.check(&users, "ana", b"uno", HERE).await, PasswordCheck::Good);
        let stuck = passwords.turn.clone().acquire_owned().await.expect("open");
        let mut places = Vec::new();
        while let Some(place) = Place::take(&passwords.waiting, HERE) {
            places.push(place);
        }
        assert_eq!(places.len(), WAITING_OF_ONE);
        assert_eq!(passwords.check(&users, "ana", b"x", HERE).await, PasswordCheck::Busy);
        assert_eq!(passwords.check(&users, "ana", b"uno", HERE).await, PasswordCheck::Good);
        for other in 0..=u8::MAX {
            places.extend(Place::take(&passwords.waiting, IpAddr::from([10, 0, 0, other])));
        }
        assert_eq!(places.len(), WAITING);
        drop((stuck, places));
        assert_eq!(passwords.check(&users, "ana", b"x", HERE).await, PasswordCheck::Wrong);
    }
}
