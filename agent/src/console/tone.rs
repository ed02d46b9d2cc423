//! One short tone for each precedence, made here: nothing to license, nothing to fetch. More urgent is higher, longer and
//! beats faster.

use model::precedence::Precedence;

/// Samples a second: enough for tones below 2 kHz.
const RATE: u32 = 16_000;
/// How loud, of 1.
const LOUDNESS: f64 = 0.6;

/// Pitch in Hz of each beat, its length and the pause after it in ms.
struct Tone {
    beats: &'static [f64],
    beat_ms: u32,
    pause_ms: u32,
}

const fn tone(of: Precedence) -> Tone {
    match of {
        Precedence::Flash => Tone { beats: &[880.0, 1175.0, 880.0, 1175.0, 880.0, 1175.0], beat_ms: 150, pause_ms: 40 },
        Precedence::Immediate => Tone { beats: &[784.0, 988.0, 784.0, 988.0], beat_ms: 180, pause_ms: 90 },
        Precedence::Priority => Tone { beats: &[659.0, 659.0], beat_ms: 200, pause_ms: 120 },
        Precedence::Routine => Tone { beats: &[523.0], beat_ms: 220, pause_ms: 80 },
    }
}

/// The name of its file.
pub const fn file(of: Precedence) -> &'static str {
    match of {
        Precedence::Flash => "tone-flash.wav",
        Precedence::Immediate => "tone-immediate.wav",
        Precedence::Priority => "tone-priority.wav",
        Precedence::Routine => "tone-routine.wav",
    }
}

/// The tone as a WAV file: 16 bit, one channel.
pub fn wav(of: Precedence) -> Vec<u8> {
    let tone = tone(of);
    let samples: Vec<i16> = tone.beats.iter().flat_map(|pitch| beat(*pitch, &tone)).collect();
    let data = u32::try_from(samples.len() * 2).unwrap_or(0);
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    // uncompressed, one channel
    file.extend_from_slice(&[1, 0, 1, 0]);
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 2).to_le_bytes());
    file.extend_from_slice(&[2, 0, 16, 0]);
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data.to_le_bytes());
    file.extend(samples.into_iter().flat_map(i16::to_le_bytes));
    file
}

/// One beat and its pause; it swells and fades, or a loudspeaker would click.
fn beat(pitch: f64, tone: &Tone) -> impl Iterator<Item = i16> {
    let (sounding, silent) = (RATE * tone.beat_ms / 1_000, RATE * tone.pause_ms / 1_000);
    let edge = f64::from(RATE) / 100.0;
    let sound = (0..sounding).map(move |at| {
        let (at, end) = (f64::from(at), f64::from(sounding));
        let swell = (at / edge).min((end - at) / edge).min(1.0);
        let wave = (at / f64::from(RATE) * pitch * std::f64::consts::TAU).sin();
        #[allow(clippy::cast_possible_truncation, reason = "within ±32,767 by its factors")]
        let sample = (wave * swell * LOUDNESS * f64::from(i16::MAX)) as i16;
        sample
    });
    sound.chain((0..silent).map(|_| 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_file_of_the_length_that_it_names_and_more_urgent_is_longer() {
        let lengths: Vec<usize> = Precedence::ALL.iter().map(|of| wav(*of).len()).collect();
        assert!(lengths.is_sorted_by(|a, b| a > b), "{lengths:?}");
        let flash = wav(Precedence::Flash);
        let said = u32::from_le_bytes(flash[40..44].try_into().unwrap());
        assert_eq!((&flash[..4], flash.len()), (b"RIFF".as_slice(), said as usize + 44));
    }
}
