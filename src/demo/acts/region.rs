//! The region comes up.

use crate::demo::stage::Stage;

/// Broker, three agents, four certificates; every link up.
pub async fn raise(stage: &mut Stage) -> anyhow::Result<()> {
    stage.teller.say(
        "区域 linyi：根信任、各市证书机构、签名通讯录与授权已生成；启动中心与临沂、连云港、徐州三个代理",
        "region linyi: root of trust, an authority for each city, signed directory and grants; broker and three agents start",
    );
    stage.raise().await?;
    stage.teller.check(true, "三条双向认证链路已建立", "three mutually authenticated links are up");
    Ok(())
}
