//! One batch of each kind of message, and what a recipient sees of it.
//!
//! More of each kind, and what only one channel has, is in the guide: `crates/models/docs/messages.md`.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use sinch_batch::models::message::{
    CardMessage, CarouselMessage, Choice, ChoiceMessage, ContactInfoMessage, Coordinates, ListChoice, ListMessage,
    LocationMessage, MediaMessage, OmniTemplate, PersonName, PhoneNumber, TemplateMessage, TextMessage,
};
use sinch_batch::simulator::SimulatorConfig;
use sinch_batch::{
    AppId, BatchRecipient, Channel, Client, ClientCredentials, KeyId, KeySecret, Message, ProjectId, Recipient,
    Recipients, SendBatchRequest, Simulator, TokenCache,
};

/// Placeholders may stand in any text of a message.
fn messages() -> Result<Vec<Message>, Box<dyn std::error::Error>> {
    Ok(vec![
        Message::text("Hello ${name}"),
        Message::media(MediaMessage::new("https://static.example.com/menu.pdf").with_filename_override("${name}.pdf")),
        Message::card(
            CardMessage::new("Hello ${name}").with_choices([Choice::url("Open pass", "https://example.com/pass")]),
        ),
        Message::carousel(CarouselMessage::new([CardMessage::new("Red"), CardMessage::new("Blue for ${name}")])),
        Message::choice(ChoiceMessage::new("See you, ${name}?", [Choice::text("Yes"), Choice::text("No")])),
        Message::list(ListMessage::choices("For ${name}", [("Fruit", vec![ListChoice::new("Lemon")])])),
        Message::template(TemplateMessage::omni(
            OmniTemplate::new("01KZFZK3MDF058RGVHR0KZ23GG", "latest").with_parameter("name", "${name}"),
        )),
        Message::location(LocationMessage::new("For ${name}", Coordinates::new(59.3293, 18.0686)?)),
        Message::contact_info(ContactInfoMessage::new(
            PersonName::new("Dr Ada Reyes"),
            [PhoneNumber::new("+15550199002").with_kind("WORK")],
        )),
        // A text on SMS, a card on all other channels.
        Message::card(CardMessage::new("Autumn coats")).with_override(Channel::Sms, TextMessage::new("Coats, ${name}")),
    ])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&simulator.auth_url())?;
    let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()?;

    for message in messages()? {
        let kind = message.kind().unwrap_or("other").to_owned();
        // What the documentation of the API rules out is known before anything is sent.
        assert_eq!(message.violations(), []);
        let ines =
            BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001")).with_parameter("name", "Ines");
        let request =
            SendBatchRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), message, Recipients::try_from(vec![ines])?);
        let sent = client.send_batch(&request).await?;
        let seen = simulator.messages().into_iter().find(|message| message.batch_id == sent.batch_id.as_str());
        println!("{kind}: {}", seen.ok_or("no message")?.text);
    }
    simulator.shutdown().await;
    Ok(())
}
