//! What a file may cost. Every number has room for the largest honest report (dozens of pages) and none for a bomb.

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// Limits on reading one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Size of the file.
    pub input_bytes_max: usize,
    /// Address space of the child.
    pub memory_bytes_max: u64,
    /// Processor time of the child.
    pub cpu_seconds_max: u64,
    /// Time on the wall from start to answer; the child is killed then.
    pub wall_millis_max: u64,
    /// Pages of the file.
    pub pages_max: usize,
    /// All streams of the file together, after decompression.
    pub inflated_bytes_max: usize,
    /// Characters placed on all pages together.
    pub glyphs_max: usize,
    /// What the child may write.
    pub output_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            input_bytes_max: 20 << 20,
            memory_bytes_max: 768 << 20,
            cpu_seconds_max: 20,
            wall_millis_max: 30_000,
            pages_max: 100,
            inflated_bytes_max: 32 << 20,
            glyphs_max: 400_000,
            output_bytes_max: 4 << 20,
        }
    }
}

impl Limits {
    /// Binds this process for good: memory, processor time, and neither new files, sockets nor a core dump (which would
    /// hold the patient's data).
    ///
    /// # Errors
    /// When the system refuses one of the limits.
    pub(crate) fn bind_this_process(&self) -> std::io::Result<()> {
        let bounds = [
            (Resource::Core, 0),
            (Resource::Fsize, 0),
            // Standard input, output and error are 0 to 2; the next number may not be given out.
            (Resource::Nofile, 3),
            (Resource::Cpu, self.cpu_seconds_max),
            (Resource::As, self.memory_bytes_max),
        ];
        for (resource, bound) in bounds {
            setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
        }
        Ok(())
    }
}
