//! One part of a webhook, written otherwise.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::{BODY, Forger, SIGNATURE, TIMESTAMP};
use crate::shop::Message;

impl Forger {
    pub(super) fn signatures(&self) -> Vec<Message> {
        let signature = self.text(SIGNATURE);
        let encoded = signature.strip_prefix("v1,").expect("a version");
        let mac = STANDARD.decode(encoded).expect("base64");
        let mut texts: Vec<String> = (0..mac.len() * 8)
            .map(|bit| {
                let mut mac = mac.clone();
                mac[bit / 8] ^= 1 << (bit % 8);
                format!("v1,{}", STANDARD.encode(mac))
            })
            .collect();
        texts.extend((0..mac.len()).map(|length| format!("v1,{}", STANDARD.encode(&mac[..length]))));
        texts.extend((1..=32).map(|more| format!("v1,{}", STANDARD.encode([&mac[..], &vec![0; more][..]].concat()))));
        // The same bytes, written otherwise.
        texts.extend([STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|engine| format!("v1,{}", engine.encode(&mac))));
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        let reversed: Vec<u8> = mac.iter().rev().copied().collect();
        texts.extend([
            format!("v1,{hex}"),
            format!("v1,{}", hex.to_uppercase()),
            format!("v1,{}", STANDARD.encode(hex)),
            format!("v1,{}", STANDARD.encode(encoded)),
            format!("v1,{}", STANDARD.encode(reversed)),
            format!("v1,{}", encoded.to_lowercase()),
            format!("v1,{}", encoded.to_uppercase()),
            format!("v1,{encoded}="),
            format!("v1,{encoded}{encoded}"),
            format!("v1,{}", encoded.replace('=', "%3D")),
            format!("v1,\"{encoded}\""),
            format!("v1,{}\t{}", &encoded[..20], &encoded[20..]),
            format!("v1,{} {}", &encoded[..20], &encoded[20..]),
            format!("v1,\u{ff36}{encoded}"),
        ]);
        // Its last digit has two bits that mean nothing.
        let (digits, last) = (&encoded[..42], encoded.as_bytes()[42]);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let others = alphabet.bytes().filter(|digit| *digit != last);
        texts.extend(others.map(|digit| format!("v1,{digits}{}=", char::from(digit))));
        for version in ["", ",", "v1", "v1;", "v1:", "v1=", "v1,,", "v1,v1,", "v1, ", "v1 ,", "V1,", "v01,", "v1.0,"] {
            texts.push(format!("{version}{encoded}"));
        }
        for version in ["v0,", "v2,", "v1a,", "v11,", "v-1,", "1,", "sha256=", "t=1,v1=", "whsec_", "Bearer "] {
            texts.push(format!("{version}{encoded}"));
        }
        for joint in [" ", "  ", ",", ";", ", ", "\t", "|"] {
            let wrong = format!("v1,{}", STANDARD.encode([7; 32]));
            texts.push([wrong.as_str(); 3].join(joint));
            texts.push(vec![wrong; 200].join(joint));
        }
        // A genuine one counts among several only after a space.
        texts.extend([",", ";", "\t", "|"].map(|joint| format!("v1,AAAA{joint}{signature}")));
        texts.extend(["", "v1,", "null", "undefined", "*", "true", "[]", "{}"].map(str::to_owned));
        texts.into_iter().map(|text| self.with(SIGNATURE, text)).collect()
    }

    pub(super) fn timestamps(&self) -> Vec<Message> {
        let text = self.text(TIMESTAMP);
        let now: i64 = text.parse().expect("a number");
        let digits = |zero: char| -> String {
            let shifted = text.bytes().filter_map(|digit| char::from_u32(u32::from(zero) + u32::from(digit - b'0')));
            shifted.collect()
        };
        // Arabic-Indic, Devanagari, fullwidth, mathematical: all of them digits.
        let mut texts: Vec<String> = ['\u{660}', '\u{966}', '\u{ff10}', '\u{1d7ce}'].map(digits).into();
        texts.extend((-305..=305).filter(|offset| *offset != 0).map(|offset| (now + offset).to_string()));
        texts.extend(
            [i64::MIN, i64::MIN + 1, -now, -1, 0, 1, i64::MAX, now * 1000, now ^ (1 << 40)].map(|n| n.to_string()),
        );
        texts.extend([u64::MAX.to_string(), u128::MAX.to_string(), i128::MIN.to_string(), "9".repeat(4096)]);
        texts.extend(
            [
                "",
                "+5",
                "-",
                "+",
                "NaN",
                "inf",
                "null",
                "true",
                "now",
                "1e9",
                "1.7e9",
                "[]",
                "0x0",
                "2026-01-01T00:00:00Z",
            ]
            .map(str::to_owned),
        );
        texts.extend([
            format!("+{text}"),
            format!("0{text}"),
            format!("{}{text}", "0".repeat(100)),
            format!("{text}.0"),
            format!("{text}."),
            format!("{text}e0"),
            format!("{text},0"),
            format!("{text}L"),
            format!("0x{now:x}"),
            format!("0o{now:o}"),
            format!("\"{text}\""),
            format!("{text} {text}"),
            format!("{text},{text}"),
            format!("{}_{}", &text[..4], &text[4..]),
            format!("{},{}", &text[..4], &text[4..]),
            format!("{} {}", &text[..4], &text[4..]),
            format!("\u{a0}{text}"),
            format!("\u{feff}{text}"),
        ]);
        texts.into_iter().map(|text| self.with(TIMESTAMP, text)).collect()
    }

    pub(super) fn bodies(&self) -> Vec<Message> {
        let body = self.text(BODY);
        let mut texts: Vec<String> = (0..body.len()).map(|length| body[..length].to_owned()).collect();
        texts.extend((1..=body.len()).map(|start| body[start..].to_owned()));
        texts.extend(
            [" ", "\n", "\r\n", "\t", "\0", "\u{feff}", "{}", "[", ","]
                .iter()
                .flat_map(|more| [format!("{more}{body}"), format!("{body}{more}")]),
        );
        let value: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        texts.push(serde_json::to_string_pretty(&value).expect("JSON"));
        texts.extend([
            body.replace("SUCCESS", "FAILED"),
            body.replace("SUCCESS", "success"),
            body.replace("SUCCESS", "\\u0053UCCESS"),
            body.replace("gateway-1", "gateway-2"),
            body.replace('}', ",\"status\":\"FAILED\"}"),
            body.replace('}', ",\"extra\":1}"),
            body.replace('{', "{ "),
            body.replace('"', "'"),
            body.to_uppercase(),
            body.to_lowercase(),
            format!("{body}{body}"),
            format!("[{body}]"),
            String::from_utf8(self.other.body.clone()).expect("text"),
        ]);
        texts.into_iter().map(|text| self.with(BODY, text)).collect()
    }
}
