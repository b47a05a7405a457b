//! The master key, and wrapping other keys with it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carelog_domain::ports::Failure;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::PORT;

/// The name that the chain's secret for keyed hashes is wrapped under; a data key's is its id.
pub(crate) const SECRET: &str = "secret";

/// The key that wraps all others.
pub(crate) struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Makes a new one and writes it, readable by its owner alone.
    pub(crate) fn create(path: &Path) -> Result<MasterKey, Failure> {
        let key = Zeroizing::new(random::<32>()?);
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(hex::encode(*key).as_bytes())?;
            file.sync_all()?;
            std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|error| failed(path, "written", error))?;
        Ok(MasterKey(key))
    }

    /// Reads it, refusing one that others can read.
    pub(crate) fn read(path: &Path) -> Result<MasterKey, Failure> {
        let mode = std::fs::metadata(path).map_err(|error| failed(path, "read", error))?.permissions().mode();
        if mode & 0o077 != 0 {
            let message = format!("{} can be read by others: run chmod 600 on it", path.display());
            return Err(Failure::lasting(PORT, message));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| failed(path, "read", error))?);
        let mut key = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(text.trim(), key.as_mut_slice())
            .map_err(|error| failed(path, "read as 64 hex digits", error))?;
        Ok(MasterKey(key))
    }

    /// Wraps 32 bytes under a name.
    pub(crate) fn wrap(&self, name: &str, plain: &[u8; 32]) -> Result<String, Failure> {
        let nonce = random::<24>()?;
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: name.as_bytes() })
            .map_err(|_| Failure::lasting(PORT, "a key could not be wrapped"))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Unwraps what was wrapped under the same name.
    pub(crate) fn unwrap(&self, name: &str, wrapped: &str) -> Result<[u8; 32], Failure> {
        let bad =
            || Failure::lasting(PORT, format!("{name} does not unwrap: is master.key the one it was written with?"));
        let bytes = URL_SAFE_NO_PAD.decode(wrapped).map_err(|_| bad())?;
        let (nonce, body) = bytes.split_at_checked(24).ok_or_else(bad)?;
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| bad())?;
        let plain = self.cipher().decrypt(&XNonce::from(nonce), Payload { msg: body, aad: name.as_bytes() });
        plain.ok().and_then(|plain| plain.try_into().ok()).ok_or_else(bad)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }
}

/// HMAC-SHA-256 under the chain's secret; the domain's length keeps domain and data apart.
pub(crate) fn keyed_hash(secret: &[u8; 32], domain: &str, data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&(domain.len() as u64).to_be_bytes());
    mac.update(domain.as_bytes());
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// Bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::passing(PORT, format!("no random bytes: {error}")))?;
    Ok(bytes)
}

pub(crate) fn failed(path: &Path, what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::lasting(PORT, format!("{} could not be {what}", path.display())).caused_by(error)
}
