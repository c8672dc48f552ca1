//! Whether a word is random: what tells a key from its placeholder.

/// Bits of entropy a character (Shannon), over the characters of the word itself.
pub(super) fn bits(word: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in word.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX).max(1));
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

/// Whether the checksum of a token holds, where its format has one: the last six characters of GitHub's and
/// npm's tokens are the CRC-32 of those before, in base 62
/// (<https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>).
pub(super) fn checksum_holds(token: &str) -> bool {
    let checked = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_"];
    let Some(prefix) = checked.iter().find(|prefix| token.starts_with(**prefix)) else { return true };
    let body = &token[prefix.len()..];
    let Some((random, sum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else {
        return false;
    };
    base62(crc32(random.as_bytes())) == sum
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Six digits of base 62, digits first, then capitals.
fn base62(mut number: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = usize::try_from(number % 62).map_or(b'0', |at| DIGITS[at]);
        number /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_word_has_more_entropy_than_a_placeholder() {
        assert!(bits("q8Zt3LmV0pXw7RbN2cKd") > 3.5);
        assert!(bits("xxxxxxxxxxxxxxxx") < 0.1);
    }

    #[test]
    fn the_checksum_of_a_token_is_checked() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        let random = "Q8zT3lMv0PxW7rBn2CkD5jHf9GsA1e";
        let token = format!("ghp_{random}{}", base62(crc32(random.as_bytes())));
        assert!(checksum_holds(&token));
        assert!(!checksum_holds("ghp_Q8zT3lMv0PxW7rBn2CkD5jHf9GsA1e000000"));
        assert!(checksum_holds("sk_live_anything"));
    }
}
