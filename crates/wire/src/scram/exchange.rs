//! One client proving one password: two messages from it, two to it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::message::{self, Binding};
use super::verifier::Verifier;
use super::{Decoy, NONCE_BYTES, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramError, hmac};
use crate::frontend::SaslInitial;

/// Most verifiers that one user may have at a time.
pub const CANDIDATES_MAX: usize = 16;

/// Whom the client has proven to be.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Which of the candidates it was.
    pub index: usize,
    /// The data of the SASLFinal to send, which proves the server to the client.
    pub reply: Vec<u8>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("index", &self.index).finish_non_exhaustive()
    }
}

/// One exchange. It ends with the first failure.
pub struct Exchange {
    candidates: Vec<Verifier>,
    /// Whether the candidate is a decoy, whom nobody is.
    nobody: bool,
    /// The hash of our certificate where the client came by TLS.
    end_point: Option<Vec<u8>>,
    nonce: String,
    state: State,
}

enum State {
    Begun,
    Challenged { binding: Binding, nonce: String, signed: String },
    Over,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Begun => "begun",
            State::Challenged { .. } => "challenged",
            State::Over => "over",
        };
        f.debug_struct("Exchange").field("state", &state).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Prepares an exchange with the client that says it is `user`.
    ///
    /// `candidates` are the verifiers of that user, any of which will do; they share salt and iterations, because the
    /// client is told those before it says anything of its password. Where there are none, the exchange runs to its end
    /// with what `decoy` makes of the name, and fails there.
    ///
    /// `end_point` is the hash of our certificate (`tls-server-end-point` of RFC 5929) where the client came by TLS.
    /// `nonce` must be random and is used once.
    pub fn new(
        user: &str,
        candidates: &[Verifier],
        decoy: &Decoy,
        end_point: Option<&[u8]>,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Self, ScramError> {
        if candidates.len() > CANDIDATES_MAX {
            return Err(ScramError::Candidates);
        }
        let alike = |(a, b): (&Verifier, &Verifier)| a.salt() == b.salt() && a.iterations() == b.iterations();
        if !candidates.iter().zip(candidates.iter().skip(1)).all(alike) {
            return Err(ScramError::Candidates);
        }
        // made for everybody, so that it takes everybody the same time
        let stand_in = decoy.verifier(user);
        let nobody = candidates.is_empty();
        Ok(Self {
            candidates: if nobody { vec![stand_in] } else { candidates.to_vec() },
            nobody,
            end_point: end_point.map(<[u8]>::to_vec),
            nonce: STANDARD.encode(nonce),
            state: State::Begun,
        })
    }

    /// The mechanisms to offer, the better one first.
    pub fn mechanisms(&self) -> &'static [&'static str] {
        if self.end_point.is_some() { &[SCRAM_SHA_256_PLUS, SCRAM_SHA_256] } else { &[SCRAM_SHA_256] }
    }

    /// Takes the client's first message and gives the data of the SASLContinue to send.
    pub fn first(&mut self, initial: SaslInitial<'_>) -> Result<Vec<u8>, ScramError> {
        let State::Begun = std::mem::replace(&mut self.state, State::Over) else { return Err(ScramError::Order) };
        let plus = initial.mechanism == SCRAM_SHA_256_PLUS;
        if !self.mechanisms().contains(&initial.mechanism) {
            return Err(ScramError::Mechanism);
        }
        let first = message::first(initial.data)?;
        match (first.binding, plus) {
            (Binding::EndPoint, true) | (Binding::No, false) => {}
            (Binding::Yes, false) if self.end_point.is_none() => {}
            (Binding::Yes, false) => return Err(ScramError::Downgrade),
            (Binding::EndPoint, false) | (Binding::No | Binding::Yes, true) => {
                return Err(ScramError::BindingMismatch);
            }
        }
        let verifier = self.candidates.first().ok_or(ScramError::Candidates)?;
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let challenge = format!("r={nonce},s={},i={}", STANDARD.encode(verifier.salt()), verifier.iterations());
        let signed = format!("{},{challenge},", first.bare);
        self.state = State::Challenged { binding: first.binding, nonce, signed };
        Ok(challenge.into_bytes())
    }

    /// Takes the client's last message: whom it has proven to be, and the data of the SASLFinal to send.
    pub fn last(&mut self, data: &[u8]) -> Result<Accepted, ScramError> {
        let State::Challenged { binding, nonce, signed } = std::mem::replace(&mut self.state, State::Over) else {
            return Err(ScramError::Order);
        };
        let last = message::last(data)?;
        let mut bound = binding.header().as_bytes().to_vec();
        if binding == Binding::EndPoint {
            bound.extend_from_slice(self.end_point.as_deref().unwrap_or_default());
        }
        if !bool::from(STANDARD.encode(bound).as_bytes().ct_eq(last.binding.as_bytes())) {
            return Err(ScramError::Binding);
        }
        if last.nonce != nonce {
            return Err(ScramError::Nonce);
        }
        let proof = STANDARD.decode(last.proof).map_err(|_| ScramError::Malformed("its proof is not base64"))?;
        let proof: [u8; 32] = proof.try_into().map_err(|_| ScramError::Malformed("its proof has not 32 bytes"))?;
        let signed = [signed.as_bytes(), last.without_proof.as_bytes()];
        self.judge(&proof, &signed)
    }

    /// Asks every candidate, each in the same time, whichever it is and whether it is any.
    fn judge(&self, proof: &[u8; 32], signed: &[&[u8]]) -> Result<Accepted, ScramError> {
        let mut found = Choice::from(0);
        let (mut index, mut server_key) = (0u8, Zeroizing::new([0u8; 32]));
        for (number, candidate) in (0u8..).zip(&self.candidates) {
            let mut client_key = Zeroizing::new(hmac(candidate.stored_key(), signed));
            client_key.iter_mut().zip(proof).for_each(|(key, proof)| *key ^= proof);
            let right = Sha256::digest(*client_key).ct_eq(&candidate.stored_key()[..]);
            index.conditional_assign(&number, right);
            let keys = server_key.iter_mut().zip(candidate.server_key());
            keys.for_each(|(chosen, key)| chosen.conditional_assign(key, right));
            found |= right;
        }
        let signature = hmac(&server_key, signed);
        if !bool::from(found & !Choice::from(u8::from(self.nobody))) {
            return Err(ScramError::Refused);
        }
        Ok(Accepted { index: usize::from(index), reply: format!("v={}", STANDARD.encode(signature)).into_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

    use super::super::ScramError as E;
    use super::*;

    const SALT: [u8; 16] = [3; 16];
    const HASH: &[u8] = &[9; 32];

    fn decoy() -> Decoy {
        Decoy::new([7; 32], 4096)
    }

    fn verifier(password: &str) -> Verifier {
        Verifier::from_password(password.as_bytes(), &SALT, 4096).unwrap()
    }

    fn exchange(candidates: &[Verifier], end_point: Option<&[u8]>) -> Exchange {
        Exchange::new("ann", candidates, &decoy(), end_point, [1; NONCE_BYTES]).unwrap()
    }

    /// Runs rust-postgres' client against us.
    fn sign_in(
        exchange: &mut Exchange,
        mechanism: &str,
        binding: ChannelBinding,
        password: &str,
    ) -> Result<usize, ScramError> {
        let mut client = ScramSha256::new(password.as_bytes(), binding);
        let challenge = exchange.first(SaslInitial { mechanism, data: client.message() })?;
        client.update(&challenge).unwrap();
        let accepted = exchange.last(client.message())?;
        client.finish(&accepted.reply).unwrap();
        Ok(accepted.index)
    }

    #[test]
    fn the_exchange_of_rfc_7677() {
        let text = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        let mut exchange = exchange(&[Verifier::parse(text).unwrap()], None);
        exchange.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned();
        let data = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
        let challenge = exchange.first(SaslInitial { mechanism: SCRAM_SHA_256, data }).unwrap();
        let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(String::from_utf8(challenge).unwrap(), expected);
        let proof = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let accepted = exchange.last(proof).unwrap();
        assert_eq!(accepted.reply, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn any_of_several_passwords_will_do_and_each_says_which() {
        let candidates = ["one", "two", "I\u{ad}X"].map(verifier);
        for (password, index) in [("one", Ok(0)), ("two", Ok(1)), ("IX", Ok(2)), ("three", Err(E::Refused))] {
            let mut plain = exchange(&candidates, None);
            assert_eq!(sign_in(&mut plain, SCRAM_SHA_256, ChannelBinding::unsupported(), password), index);
            let mut bound = exchange(&candidates, Some(HASH));
            let binding = ChannelBinding::tls_server_end_point(HASH.to_vec());
            assert_eq!(sign_in(&mut bound, SCRAM_SHA_256_PLUS, binding, password), index);
        }
    }

    #[test]
    fn nobody_looks_like_somebody_until_the_end() {
        let mut nobody = exchange(&[], None);
        assert_eq!(sign_in(&mut nobody, SCRAM_SHA_256, ChannelBinding::unsupported(), "one"), Err(E::Refused));
        let challenge = |user: &str, candidates: &[Verifier], nonce: u8| {
            let mut exchange = Exchange::new(user, candidates, &decoy(), None, [nonce; NONCE_BYTES]).unwrap();
            let data = b"n,,n=,r=abc";
            let data = exchange.first(SaslInitial { mechanism: SCRAM_SHA_256, data }).unwrap();
            String::from_utf8(data).unwrap().split_once(",s=").unwrap().1.to_owned()
        };
        assert_eq!(challenge("bob", &[], 1), challenge("bob", &[], 2), "the salt is stable");
        assert_ne!(challenge("bob", &[], 1), challenge("eve", &[], 1), "and the name's own");
        let real = Verifier::from_password(b"x", &decoy().salt("bob"), decoy().iterations()).unwrap();
        assert_eq!(challenge("bob", &[], 1), challenge("bob", &[real], 1), "and need not change when somebody comes");
    }

    /// The keys of a decoy are secret, but whoever knew them would not get in either.
    #[test]
    fn nobody_can_prove_to_be_nobody() {
        let mut stand_in = exchange(&[verifier("one")], None);
        stand_in.nobody = true;
        assert_eq!(sign_in(&mut stand_in, SCRAM_SHA_256, ChannelBinding::unsupported(), "one"), Err(E::Refused));
    }

    #[test]
    fn a_client_is_bound_to_our_certificate_if_it_can_be() {
        let candidates = [verifier("one")];
        let refused = |end_point, mechanism, binding| {
            sign_in(&mut exchange(&candidates, end_point), mechanism, binding, "one").unwrap_err()
        };
        let other = || ChannelBinding::tls_server_end_point(vec![8; 32]);
        let ours = || ChannelBinding::tls_server_end_point(HASH.to_vec());
        assert_eq!(refused(Some(HASH), SCRAM_SHA_256_PLUS, other()), E::Binding);
        assert_eq!(refused(Some(HASH), SCRAM_SHA_256, ChannelBinding::unrequested()), E::Downgrade);
        assert_eq!(refused(Some(HASH), SCRAM_SHA_256, ours()), E::BindingMismatch);
        assert_eq!(refused(Some(HASH), SCRAM_SHA_256_PLUS, ChannelBinding::unsupported()), E::BindingMismatch);
        assert_eq!(refused(Some(HASH), SCRAM_SHA_256_PLUS, ChannelBinding::unrequested()), E::BindingMismatch);
        assert_eq!(refused(None, SCRAM_SHA_256_PLUS, ours()), E::Mechanism);
        assert_eq!(refused(None, "SCRAM-SHA-1", ours()), E::Mechanism);
        let mut unbound = exchange(&candidates, Some(HASH));
        assert_eq!(sign_in(&mut unbound, SCRAM_SHA_256, ChannelBinding::unsupported(), "one"), Ok(0));
        let mut unasked = exchange(&candidates, None);
        assert_eq!(sign_in(&mut unasked, SCRAM_SHA_256, ChannelBinding::unrequested(), "one"), Ok(0));
    }

    #[test]
    fn the_last_message_answers_the_first() {
        let data = b"n,,n=,r=abc";
        let nonce = STANDARD.encode([1; NONCE_BYTES]);
        let proof = STANDARD.encode([0; 32]);
        for (last, why) in [
            (format!("c=biws,r=abc{nonce},p={proof}"), E::Refused),
            (format!("c=biws,r=abc{nonce}x,p={proof}"), E::Nonce),
            (format!("c=biws,r=abc,p={proof}"), E::Nonce),
            (format!("c=eSws,r=abc{nonce},p={proof}"), E::Binding),
            (format!("c=,r=abc{nonce},p={proof}"), E::Binding),
            (format!("c=biws,r=abc{nonce},p=AAAA"), E::Malformed("its proof has not 32 bytes")),
            (format!("c=biws,r=abc{nonce},p=!"), E::Malformed("its proof is not base64")),
        ] {
            let mut exchange = exchange(&[verifier("one")], None);
            exchange.first(SaslInitial { mechanism: SCRAM_SHA_256, data }).unwrap();
            assert_eq!(exchange.last(last.as_bytes()), Err(why), "{last}");
            assert_eq!(exchange.last(last.as_bytes()), Err(E::Order), "it is over");
        }
    }

    #[test]
    fn steps_out_of_order_are_the_callers_mistake() {
        let initial = SaslInitial { mechanism: SCRAM_SHA_256, data: b"n,,n=,r=abc" };
        let mut early = exchange(&[], None);
        assert_eq!(early.last(b"c=biws,r=abc,p=AAAA"), Err(E::Order));
        assert_eq!(early.first(initial), Err(E::Order));
        let mut twice = exchange(&[], None);
        assert!(twice.first(initial).is_ok());
        assert_eq!(twice.first(initial), Err(E::Order));
        assert_eq!(format!("{twice:?}"), r#"Exchange { state: "over", .. }"#);
    }

    #[test]
    fn candidates_are_alike_and_few() {
        let new = |candidates: &[Verifier]| {
            Exchange::new("ann", candidates, &decoy(), None, [1; NONCE_BYTES]).map(drop).map_err(|e| e.code())
        };
        let other_salt = Verifier::from_password(b"one", &[4; 16], 4096).unwrap();
        let other_count = Verifier::from_password(b"one", &SALT, 4097).unwrap();
        assert_eq!(new(&[verifier("one"), other_salt]), Err("XX000"));
        assert_eq!(new(&[verifier("one"), other_count]), Err("XX000"));
        assert_eq!(new(&vec![verifier("one"); CANDIDATES_MAX]), Ok(()));
        assert_eq!(new(&vec![verifier("one"); CANDIDATES_MAX + 1]), Err("XX000"));
    }
}
