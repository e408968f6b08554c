//! Long outputs, of which the beginning and the end matter.

/// Largest output that is kept, in bytes; half of it is the beginning, half the end.
pub const OUTPUT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An output that is cut in its middle when it grows too long, and then says so.
#[derive(Debug, Clone)]
pub struct CappedOutput {
    head: Vec<u8>,
    tail: Vec<u8>,
    half: usize,
    left_out: u64,
}

impl Default for CappedOutput {
    fn default() -> Self {
        Self::with_limit(OUTPUT_BYTES_MAX)
    }
}

impl CappedOutput {
    /// An empty output that keeps about `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { head: Vec::new(), tail: Vec::new(), half: limit / 2, left_out: 0 }
    }

    /// Adds `bytes`.
    pub fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        // Twice the half, so that bytes are moved rarely.
        if self.tail.len() > 2 * self.half {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        let surplus = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..surplus);
        self.left_out += surplus as u64;
    }

    /// How many bytes of the middle are left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out + self.tail.len().saturating_sub(self.half) as u64
    }

    /// What is kept, with a line in the place of what is not.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.shorten();
        let mut bytes = self.head;
        if self.left_out > 0 {
            bytes.extend_from_slice(format!("\n[{} bytes left out]\n", self.left_out).as_bytes());
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_output_is_left_out_and_marked() {
        let table = [
            ("", ""),
            ("abcdef", "abcdef"),
            ("abcdefgh", "abcdefgh"),
            ("abcdefghi", "abcd\n[1 bytes left out]\nfghi"),
            ("abcdefghijklmnopqrstuvwxyz", "abcd\n[18 bytes left out]\nwxyz"),
        ];
        for (whole, kept) in table {
            for step in 1..=whole.len().max(1) {
                let mut output = CappedOutput::with_limit(8);
                whole.as_bytes().chunks(step).for_each(|chunk| output.push(chunk));
                assert_eq!(output.left_out(), whole.len().saturating_sub(8) as u64);
                assert_eq!(String::from_utf8(output.into_bytes()).unwrap(), kept, "in steps of {step}");
            }
        }
    }
}
