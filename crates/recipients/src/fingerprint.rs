//! Is it still the same file?

use std::io::{self, Read};

use sha2::{Digest, Sha256};
use sinch_batch_models::Fingerprint;

/// The fingerprint of bytes at hand, such as those of a message.
pub fn fingerprint_of(bytes: &[u8]) -> Fingerprint {
    let mut hash = Hasher::default();
    hash.update(bytes);
    hash.fingerprint()
}

/// The first 8 bytes, by which a batch is compared.
pub(crate) fn digest(fingerprint: &Fingerprint) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *fingerprint.sha256();
    [a, b, c, d, e, f, g, h]
}

/// The same of everything that can be read.
pub(crate) fn digest_of(bytes: &mut impl Read) -> io::Result<[u8; 8]> {
    let mut hash = Hasher::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok(digest(&hash.fingerprint())),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A fingerprint in the making.
#[derive(Clone, Default)]
pub(crate) struct Hasher {
    hash: Sha256,
    length: u64,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(self.hash.clone().finalize().into(), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_is_the_sha256_and_the_length() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad-3";
        assert_eq!(fingerprint_of(b"abc").to_string(), text);
    }
}
