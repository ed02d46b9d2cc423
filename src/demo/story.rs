//! What happens when: the acts in their order, on a schedule that can be hurried.

use std::time::Duration;

use tokio::time::Instant;

use super::{acts, stage::Stage, tell::Teller};

/// How fast the story is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times faster than the schedule.
    Times(f64),
    /// Without a pause.
    Max,
}

/// Reads `1x`, `10x`, `max`.
pub fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text.strip_suffix('x').and_then(|number| number.parse::<f64>().ok());
    let times = times.filter(|times| times.is_finite() && *times > 0.0);
    times.map(Speed::Times).ok_or_else(|| "1x, 10x … or max".to_owned())
}

/// How to tell it.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// How fast.
    pub speed: Speed,
    /// Without a progress line.
    pub headless: bool,
    /// Without a word.
    pub silent: bool,
}

/// The length of the story at its own pace.
const LENGTH: Duration = Duration::from_secs(57);

impl Story {
    /// The voice for it.
    pub fn teller(&self) -> Teller {
        Teller::begin(self.silent, self.headless, LENGTH)
    }

    /// Plays every act.
    pub async fn play(self, stage: &mut Stage) -> anyhow::Result<()> {
        let began = Instant::now();
        let at = async |stage: &mut Stage, seconds: u64, zh: &str, en: &str| {
            let scheduled = Duration::from_secs(seconds);
            if let Speed::Times(times) = self.speed {
                tokio::time::sleep_until(began + scheduled.div_f64(times)).await;
            }
            stage.teller.at(scheduled, zh, en);
        };
        at(stage, 0, "建立区域", "raising the region").await;
        acts::region::raise(stage).await?;
        at(stage, 3, "边界事故", "an accident at the border").await;
        acts::accident::bulletin(stage).await?;
        at(stage, 8, "签收与首报", "acknowledged; first report").await;
        acts::accident::report(stage).await?;
        at(stage, 12, "徐州断线", "Xuzhou's line is cut").await;
        acts::aid::request(stage).await?;
        at(stage, 18, "连云港答复", "Lianyungang offers").await;
        acts::aid::first_offer(stage).await?;
        at(stage, 24, "中心被强杀", "the broker is killed").await;
        acts::aid::kill(stage).await?;
        at(stage, 28, "徐州恢复", "Xuzhou is back").await;
        acts::aid::second_offer(stage).await?;
        at(stage, 34, "采用与派遣", "orders and missions").await;
        acts::aid::missions(stage).await?;
        at(stage, 44, "联席会议议程", "the shared agenda").await;
        acts::meeting::agenda(stage).await?;
        at(stage, 50, "联合演练", "the joint drill").await;
        acts::drill::invite(stage).await?;
        at(stage, 54, "归建与零报告", "release and zero reports").await;
        acts::closing::release(stage).await?;
        at(stage, 57, "核对", "the account").await;
        acts::closing::account(stage).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_positive_number_of_times_or_max() {
        assert_eq!(speed("10x"), Ok(Speed::Times(10.0)));
        assert_eq!(speed("max"), Ok(Speed::Max));
        for bad in ["0x", "-1x", "fast", "x", "infx", "NaNx"] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }
}
