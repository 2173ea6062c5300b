//! What stands in for `auth.rs` in builds without the feature: types that cannot exist.

use crate::header::{Header, TAG_LEN};

/// Never made: nothing is signed.
#[derive(Debug, Clone)]
pub(crate) enum Hasher {}

impl Hasher {
    pub(crate) const fn update(&mut self, _bytes: &[u8]) {
        match *self {}
    }
}

pub(crate) const fn tag_of(hasher: &Hasher) -> [u8; TAG_LEN] {
    match *hasher {}
}

/// Never made: nothing is signed.
#[derive(Debug, Clone)]
pub(crate) enum Signer {}

impl Signer {
    pub(crate) const fn hasher(&self) -> Hasher {
        match *self {}
    }
}

/// Never made: no tag is checked.
#[derive(Debug, Clone)]
pub(crate) enum Verifier {}

impl Verifier {
    pub(crate) const fn accepts(
        &mut self,
        _header: &Header,
        _kind: u8,
        _signed: &[u8],
        _tag: &[u8; TAG_LEN],
    ) -> bool {
        match *self {}
    }
}
