//! Numbers as text, where the general way costs more than the rest of the line.

/// Writes a number in decimal.
pub(crate) fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // the remainder is below ten
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

/// Writes 16 hexadecimal digits.
pub(crate) fn hex(number: u64, out: &mut String) {
    for shift in (0..64).step_by(4).rev() {
        let digit = (number >> shift) as usize & 15;
        out.push(char::from(b"0123456789abcdef"[digit]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_general_way_has_it() {
        for number in [0, 7, 10, 99, 1024, u64::MAX] {
            let (mut digits, mut digits_of_16) = (Vec::new(), String::new());
            decimal(number, &mut digits);
            hex(number, &mut digits_of_16);
            assert_eq!(digits, number.to_string().as_bytes());
            assert_eq!(digits_of_16, format!("{number:016x}"));
        }
    }
}
