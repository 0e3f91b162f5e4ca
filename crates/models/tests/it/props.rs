//! Arbitrary input: models, names, JSON in open places, bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sinch_batch_models::batch::BatchState;
use sinch_batch_models::callback::*;
use sinch_batch_models::message::*;
use sinch_batch_models::wire::{Bounded, parse};
use sinch_batch_models::*;

use crate::golden::{round, samples, without_nulls};

/// Any JSON, with numbers that both sides of a comparison keep.
fn any_json() -> BoxedStrategy<Value> {
    let strategy = {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                vec((any::<String>(), inner), 0..4)
                    .prop_map(|entries| entries.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    };
    strategy.boxed()
}

fn text() -> BoxedStrategy<PrivateText> {
    let strategy =
        { prop_oneof![any::<String>().prop_map(PrivateText::from), Just("${name}".into()), Just("".into())] };
    strategy.boxed()
}

fn name() -> BoxedStrategy<Box<str>> {
    let strategy = { any::<String>().prop_map(Into::into) };
    strategy.boxed()
}

fn json_text() -> BoxedStrategy<JsonText> {
    let strategy = {
        prop_oneof![
            any::<String>().prop_map(JsonText::new),
            any_json().prop_map(|json| JsonText::new(json.to_string()))
        ]
    };
    strategy.boxed()
}

fn time() -> BoxedStrategy<WireTime> {
    let strategy = {
        prop_oneof![
            any::<String>().prop_map(|text| WireTime::from(text.as_str())),
            (-377_705_023_201_i64..253_402_207_200, 0..1_000_000_000_i32)
                .prop_map(|(seconds, nanos)| Timestamp::new(seconds, nanos).map_or("".into(), WireTime::from)),
            "20[0-9]{2}-0[1-9]-[012][1-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|z|[+-]0[0-9]:00)?"
                .prop_map(|text| WireTime::from(text.as_str())),
        ]
    };
    strategy.boxed()
}

fn channel() -> BoxedStrategy<Channel> {
    let strategy = {
        prop_oneof![
            proptest::sample::select(Channel::KNOWN).prop_map(Channel::from),
            any::<String>().prop_map(|name| Channel::from(name.as_str()))
        ]
    };
    strategy.boxed()
}

/// Unknown fields, under names that no type has.
fn unknown_fields() -> BoxedStrategy<UnknownFields> {
    let strategy = {
        let entry = (any::<String>().prop_map(|name| format!("x-{name}")), any_json());
        prop_oneof![3 => Just(Vec::new()), 1 => vec(entry, 0..3)].prop_map(|entries| {
            let mut unknown_fields = UnknownFields::default();
            for (name, value) in entries {
                unknown_fields.insert(name, value);
            }
            unknown_fields
        })
    };
    strategy.boxed()
}

fn metadata() -> BoxedStrategy<Metadata> {
    let strategy = { vec((name(), any_json()), 0..3).prop_map(|entries| entries.into_iter().collect()) };
    strategy.boxed()
}

fn parameters() -> BoxedStrategy<Parameters> {
    let strategy = { vec((name(), text()), 0..4).prop_map(|entries| entries.into_iter().collect()) };
    strategy.boxed()
}

fn media() -> BoxedStrategy<MediaMessage> {
    let strategy = {
        (text(), option::of(text()), unknown_fields()).prop_map(|(url, thumbnail, unknown_fields)| {
            let mut media = MediaMessage::new(url);
            media.thumbnail_url = thumbnail;
            media.unknown_fields = unknown_fields;
            media
        })
    };
    strategy.boxed()
}

fn coordinates() -> BoxedStrategy<Coordinates> {
    let strategy = {
        let degrees = || any::<f64>().prop_filter("JSON", |number| number.is_finite());
        (degrees(), degrees()).prop_map(|(latitude, longitude)| Coordinates::new(latitude, longitude).unwrap())
    };
    strategy.boxed()
}

fn location() -> BoxedStrategy<LocationMessage> {
    let strategy = {
        (text(), option::of(text()), coordinates()).prop_map(|(title, label, coordinates)| {
            let mut location = LocationMessage::new(title, coordinates);
            location.label = label;
            location
        })
    };
    strategy.boxed()
}

fn choice() -> BoxedStrategy<Choice> {
    let strategy = {
        let body = prop_oneof![
            text().prop_map(Choice::text),
            (text(), text()).prop_map(|(title, url)| Choice::url(title, url)),
            (text(), text()).prop_map(|(title, number)| Choice::call(title, number)),
            (text(), text()).prop_map(|(title, url)| Choice::share_location(title, url)),
            location().prop_map(Choice::location),
            (text(), text(), time(), time(), text()).prop_map(|(title, event, start, end, url)| Choice::calendar(
                CalendarMessage::new(title, event, (start, end), url)
            )),
        ];
        let postback = any_json().prop_filter("null is absent", |json| !json.is_null());
        (body, option::of(postback), unknown_fields()).prop_map(|(mut choice, postback, unknown_fields)| {
            choice.postback_data = postback.map(AnyJson::from);
            choice.unknown_fields = unknown_fields;
            choice
        })
    };
    strategy.boxed()
}

fn bounded<T: Clone + std::fmt::Debug, const MIN: usize, const MAX: usize>(
    one: impl Strategy<Value = T>,
) -> impl Strategy<Value = Bounded<T, MIN, MAX>> {
    vec(one, MIN..=MAX.min(MIN + 3)).prop_map(|entries| Bounded::try_from(entries).unwrap())
}

fn card() -> BoxedStrategy<CardMessage> {
    let strategy = {
        let height = any::<String>().prop_map(|height| CardHeight::from(height.as_str()));
        (
            option::of(text()),
            option::of(text()),
            option::of(media()),
            option::of(height),
            option::of(bounded(choice())),
            unknown_fields(),
        )
            .prop_map(|(title, description, media, height, choices, unknown_fields)| {
                let mut card = CardMessage::default();
                card.title = title;
                card.description = description;
                card.media_message = media;
                card.height = height;
                card.choices = choices;
                card.unknown_fields = unknown_fields;
                card
            })
    };
    strategy.boxed()
}

fn list() -> BoxedStrategy<ListMessage> {
    let strategy = {
        let choice = (text(), option::of(text()), option::of(media())).prop_map(|(title, postback, media)| {
            let mut choice = ListChoice::new(title);
            choice.postback_data = postback;
            choice.media = media;
            choice
        });
        let product = (text(), text()).prop_map(|(id, marketplace)| Product::new(id, marketplace));
        prop_oneof![
            (text(), vec((text(), vec(choice, 0..3)), 0..3))
                .prop_map(|(title, sections)| ListMessage::choices(title, sections)),
            (text(), text(), vec((text(), vec(product, 0..3)), 0..3))
                .prop_map(|(title, catalog, sections)| ListMessage::products(title, catalog, sections)),
        ]
    };
    strategy.boxed()
}

fn template() -> BoxedStrategy<TemplateMessage> {
    let strategy = {
        let omni = (text(), text(), parameters()).prop_map(|(id, version, parameters)| {
            let mut template = OmniTemplate::new(id, version);
            template.parameters = parameters;
            template
        });
        let of_channel = (text(), option::of(text()), parameters()).prop_map(|(id, language, parameters)| {
            let mut template = ChannelTemplate::new(id);
            template.language_code = language;
            template.parameters = parameters;
            template
        });
        prop_oneof![
            omni.prop_map(TemplateMessage::omni),
            (channel(), of_channel).prop_map(|(channel, template)| TemplateMessage::channel(channel, template)),
        ]
    };
    strategy.boxed()
}

fn body() -> BoxedStrategy<MessageBody> {
    let strategy = {
        prop_oneof![
            text().prop_map(|text| TextMessage::new(text).into()),
            media().prop_map(Into::into),
            card().prop_map(Into::into),
            bounded(card()).prop_map(|cards: Cards| CarouselMessage::new(cards).into()),
            (text(), bounded(choice())).prop_map(|(text, choices)| ChoiceMessage::new(text, choices).into()),
            list().prop_map(Into::into),
            template().prop_map(Into::into),
            location().prop_map(Into::into),
            (text(), vec(text(), 0..3)).prop_map(|(name, numbers)| {
                let numbers: Vec<_> = numbers.into_iter().map(PhoneNumber::new).collect();
                ContactInfoMessage::new(PersonName::new(name), numbers).into()
            }),
        ]
    };
    strategy.boxed()
}

fn message() -> BoxedStrategy<Message> {
    let strategy = {
        let explicit = option::of((channel(), name()));
        let over = option::of((
            channel(),
            prop_oneof![
                text().prop_map(|text| OmniOverride::new(TextMessage::new(text))),
                card().prop_map(OmniOverride::new),
            ],
        ));
        let specific = option::of((channel(), channel_specific()));
        let agent = option::of(text().prop_map(Agent::new));
        (body(), explicit, over, specific, agent, unknown_fields()).prop_map(
            |(body, explicit, over, specific, agent, unknown_fields)| {
                let mut message = Message::new(body);
                if let Some((channel, json)) = explicit {
                    message = message.with_explicit(channel, json);
                }
                if let Some((channel, over)) = over {
                    message = message.with_override(channel, over);
                }
                if let Some((channel, specific)) = specific {
                    message = message.with_channel_specific(channel, specific);
                }
                message.agent = agent;
                message.unknown_fields = unknown_fields;
                message
            },
        )
    };
    strategy.boxed()
}

fn channel_specific() -> BoxedStrategy<ChannelSpecificMessage> {
    let strategy = {
        use channel_specific::*;
        let button = prop_oneof![
            (text(), text()).prop_map(|(name, link)| CommerceButton::web(name, link)),
            (text(), text(), text()).prop_map(|(name, ios, android)| CommerceButton::app(name, ios, android)),
            text().prop_map(CommerceButton::reply),
        ];
        let price = || {
            prop_oneof![
                (text(), any::<i64>()).prop_map(|(title, price)| CommercePrice::from(RegularPrice::new(title, price))),
                (text(), any::<i64>(), any::<i64>())
                    .prop_map(|(title, price, less)| PercentageDiscount::new(title, price, less, 10).into()),
            ]
        };
        let coupon = prop_oneof![
            (text(), text()).prop_map(|(title, link)| Coupon::from(FreeCoupon::new(title, link))),
            text().prop_map(|link| ShippingDiscountCoupon::new(link).into()),
            (any::<i64>(), text()).prop_map(|(less, link)| FixedDiscountCoupon::new(less, link).into()),
        ];
        let header =
            prop_oneof![text().prop_map(Header::text), text().prop_map(Header::image), text().prop_map(Header::video)];
        let order = (text(), text(), any::<i64>(), any::<i64>())
            .prop_map(|(id, name, amount, tax)| Order::new([OrderItem::new(id, name, amount, 1)], amount, tax));
        prop_oneof![
            (text(), text(), option::of(header), option::of(metadata())).prop_map(|(id, words, header, data)| {
                let mut flow = Flow::new(id, words);
                flow.header = header;
                flow.flow_action_payload = data.map(|data| FlowActionPayload::new("S", data));
                flow.into()
            }),
            (text(), order, option::of(text())).prop_map(|(reference, order, link)| {
                let payment = OrderPayment::new(PaymentCountry::Brazil, reference, GoodsKind::Digital, 1, order);
                OrderDetails::new(match link {
                    Some(link) => payment.with_buttons([PaymentLink::new(link).into()]),
                    None => payment,
                })
                .into()
            }),
            text().prop_map(
                |reference| OrderStatusMessage::new(StatusPayment::new(reference, OrderState::Shipped)).into()
            ),
            (bounded(button), text(), price(), option::of(coupon)).prop_map(
                |(buttons, image, price, coupon): (CommerceButtons, PrivateText, CommercePrice, _)| {
                    let mut commerce = Commerce::new(buttons, image, price);
                    commerce.coupon = coupon;
                    commerce.into()
                }
            ),
            (text(), price()).prop_map(|(text, price)| {
                let item = CommerceItem::new([CommerceButton::reply(text.clone())], text, price);
                CarouselCommerce::new(Carousel::new([item.clone(), item])).into()
            }),
            (text(), text()).prop_map(|(key, content)| {
                LineNotification::new(key)
                    .with_body(LineBody::default().with_items([LineItem::new("i", content)]))
                    .into()
            }),
        ]
    };
    strategy.boxed()
}

fn recipient() -> BoxedStrategy<BatchRecipient> {
    let strategy = {
        let by = prop_oneof![
            name().prop_map(|id| Recipient::contact(ContactId::new(id))),
            vec((channel(), text()), 0..3).prop_map(|identities| {
                Recipient::identities(
                    identities.into_iter().map(|(channel, id)| ChannelIdentity::new(channel, id)).collect(),
                )
            }),
        ];
        (by, parameters(), metadata(), metadata(), unknown_fields()).prop_map(
            |(by, parameters, message, conversation, unknown_fields)| {
                let mut recipient = BatchRecipient::new(by);
                recipient.parameters = parameters;
                recipient.message_metadata = message;
                recipient.conversation_metadata = conversation;
                recipient.unknown_fields = unknown_fields;
                recipient
            },
        )
    };
    strategy.boxed()
}

fn request() -> BoxedStrategy<SendBatchRequest> {
    let strategy = {
        (
            (name(), message(), vec(recipient(), 1..4), metadata(), metadata(), metadata()),
            (
                option::of(time()),
                option::of(vec(channel(), 0..3)),
                option::of(3..=315_576_000_000_u64),
                unknown_fields(),
            ),
            option::of("[a-z]{0,128}"),
        )
            .prop_map(
                |(
                    (app, message, to, batch, of_message, conversation),
                    (after, order, ttl, unknown_fields),
                    correlation,
                )| {
                    let to = Recipients::try_from(to).unwrap();
                    let mut request = SendBatchRequest::new(AppId::new(app), message, to);
                    request.batch_metadata = batch;
                    request.message_metadata = of_message;
                    request.conversation_metadata = conversation;
                    request.send_after = after;
                    request.channel_priority_order = order;
                    request.ttl = ttl.map(|ttl| Ttl::from_seconds(ttl).unwrap());
                    request.correlation_id = correlation.map(Into::into);
                    request.unknown_fields = unknown_fields;
                    request
                },
            )
    };
    strategy.boxed()
}

fn identity() -> BoxedStrategy<CallbackIdentity> {
    let strategy = {
        (option::of(channel()), option::of(text()), unknown_fields()).prop_map(|(channel, text, unknown_fields)| {
            let mut identity = CallbackIdentity::default();
            identity.channel = channel;
            identity.identity = text;
            identity.unknown_fields = unknown_fields;
            identity
        })
    };
    strategy.boxed()
}

fn kind() -> BoxedStrategy<CallbackKind> {
    let strategy = {
        let reason =
            (any::<String>(), option::of(text()), unknown_fields()).prop_map(|(code, description, unknown_fields)| {
                let mut reason = Reason::default();
                reason.code = Some(ReasonCode::from(code.as_str()));
                reason.description = description;
                reason.unknown_fields = unknown_fields;
                reason
            });
        let report = (
            option::of(any::<String>()),
            option::of(identity()),
            option::of(reason),
            option::of(json_text()),
            unknown_fields(),
        )
            .prop_map(|(status, identity, reason, metadata, unknown_fields)| {
                let mut report = DeliveryReport::default();
                report.status = status.map(|status| DeliveryStatus::from(status.as_str()));
                report.channel_identity = identity;
                report.reason = reason;
                report.metadata = metadata;
                report.unknown_fields = unknown_fields;
                report
            });
        let update =
            (name(), option::of(any::<String>()), option::of(metadata())).prop_map(|(id, status, metadata)| {
                let mut data = MessageBatchData::default();
                data.batch_metadata = metadata.filter(|metadata| !metadata.is_empty());
                let mut additional = BatchAdditionalData::default();
                additional.message_batch_data = Some(data);
                let mut update = BatchStatusUpdate::default();
                update.batch_id = Some(BatchId::new(id));
                update.batch_status = status.map(|status| BatchUpdateStatus::from(status.as_str()));
                update.additional_data = Some(additional);
                update
            });
        let contact_message = prop_oneof![
            text().prop_map(|text| ContactMessageBody::Text(TextMessage::new(text))),
            media().prop_map(ContactMessageBody::Media),
            (option::of(text()), option::of(coordinates())).prop_map(|(title, coordinates)| {
                let mut location = ContactLocation::default();
                location.title = title;
                location.coordinates = coordinates;
                ContactMessageBody::Location(location)
            }),
        ];
        let inbound = (option::of(contact_message), option::of(time()), option::of(any::<bool>()), unknown_fields())
            .prop_map(|(body, time, injected, unknown_fields)| {
                let mut contact = ContactMessage::default();
                contact.body = body;
                contact.unknown_fields = unknown_fields;
                let mut inbound = InboundMessage::default();
                inbound.contact_message = Some(contact);
                inbound.accept_time = time;
                inbound.injected = injected;
                inbound
            });
        let submit = message().prop_map(|message| {
            let mut submit = SubmitNotification::default();
            submit.submitted_message = Some(message.into());
            submit
        });
        let contact = (option::of(vec(identity(), 0..3)), option::of(text()), unknown_fields()).prop_map(
            |(identities, name, unknown_fields)| {
                let mut contact = Contact::default();
                contact.channel_identities = identities;
                contact.display_name = name;
                contact.unknown_fields = unknown_fields;
                let mut notification = ContactNotification::default();
                notification.contact = Some(contact);
                notification
            },
        );
        prop_oneof![
            report.prop_map(|report| CallbackKind::MessageDelivery(Box::new(report))),
            update.prop_map(|update| CallbackKind::BatchStatusUpdate(Box::new(update))),
            inbound.prop_map(|inbound| CallbackKind::MessageInbound(Box::new(inbound))),
            submit.prop_map(|submit| CallbackKind::MessageSubmit(Box::new(submit))),
            contact.prop_map(|contact| CallbackKind::ContactCreate(Box::new(contact))),
            Just(CallbackKind::Unknown),
        ]
    };
    strategy.boxed()
}

fn callback() -> BoxedStrategy<Callback> {
    let strategy = {
        (kind(), option::of(name()), option::of(time()), option::of(json_text()), unknown_fields()).prop_map(
            |(kind, app, time, metadata, unknown_fields)| {
                let mut callback = Callback::new(kind);
                callback.app_id = app.map(AppId::new);
                callback.event_time = time;
                callback.message_metadata = metadata;
                callback.unknown_fields = unknown_fields;
                callback
            },
        )
    };
    strategy.boxed()
}

/// What becomes of a sample: for each place in turn one number decides, and one leaf stands ready.
struct Dice<'a> {
    rolls: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    texts: std::iter::Cycle<std::slice::Iter<'a, String>>,
    numbers: std::iter::Cycle<std::slice::Iter<'a, i64>>,
}

impl Dice<'_> {
    /// The value with other texts and numbers, with fields left out, emptied and added, and with lists
    /// that are shorter or longer: mostly still one of the same type.
    fn shake(&mut self, value: &Value) -> Value {
        let roll = self.rolls.next().copied().unwrap_or_default();
        match value {
            Value::String(_) if roll < 96 => self.texts.next().cloned().unwrap_or_default().into(),
            Value::Number(number) if number.is_i64() => self.numbers.next().copied().unwrap_or_default().into(),
            Value::Number(_) => (f64::from(roll) / 7.0).into(),
            Value::Bool(_) => (roll < 128).into(),
            Value::Array(items) => {
                let take = if roll < 32 { 1 } else { items.len() };
                items.iter().take(take).map(|item| self.shake(item)).collect()
            }
            Value::Object(map) => {
                let mut shaken = Map::new();
                for (name, value) in map {
                    // A field that decides the kind stays.
                    if self.rolls.next().is_some_and(|roll| *roll > 16) || name == "type" || name == "message_type" {
                        shaken.insert(name.clone(), self.shake(value));
                    }
                }
                if roll < 24 {
                    shaken.insert("x-new".to_owned(), value.clone());
                }
                shaken.into()
            }
            other => other.clone(),
        }
    }
}

fn same<T>(model: &T) -> Result<(), TestCaseError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let json = serde_json::to_string(model).unwrap();
    let read: T = parse(json.as_bytes()).map_err(|error| TestCaseError::fail(format!("{error} in {json}")))?;
    prop_assert_eq!(&read, model, "{}", json);
    prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
    Ok(())
}

macro_rules! any_text_parses_as {
    ($text:ident: $($name:ty),+ $(,)?) => {$(
        let read: $name = serde_json::from_value(Value::from($text.clone())).unwrap();
        prop_assert_eq!(read.as_str(), &$text);
        prop_assert_eq!(serde_json::to_value(&read).unwrap(), Value::from($text.clone()));
        prop_assert_eq!(read.is_known(), <$name>::KNOWN.contains(&$text.as_str()));
    )+};
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn message_is_read_as_it_was_written(message in message()) {
        same(&message)?;
        // What is found in it is replaced in it.
        let template = Template::new(message);
        let values = template.names().iter().map(|name| (name.clone(), PrivateText::from("1"))).collect();
        let rendered = template.render(&values).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(Template::new(rendered).names().iter().all(|name| template.uses(name) || name.contains('1')));
    }

    #[test]
    fn request_is_read_as_it_was_written(request in request()) {
        same(&request)?;
    }

    #[test]
    fn callback_is_read_as_it_was_written(callback in callback()) {
        same(&callback)?;
        let _ = callback.origin();
        for path in callback.unknown_fields() {
            prop_assert!(path.rsplit('/').next().is_some_and(|name| name.starts_with("x-")), "{}", path);
        }
    }

    /// Every type stands in some sample; so every type is read as it was written.
    #[test]
    fn model_of_any_type_is_read_as_it_was_written(
        rolls in vec(any::<u8>(), 1..64),
        texts in vec(prop_oneof![any::<String>(), Just(String::new()), Just("${name}".to_owned())], 1..8),
        numbers in vec(any::<i64>(), 1..8),
        skip in 0_usize..16,
    ) {
        // A part of the samples each time: it takes long enough.
        for (name, sample) in samples().into_iter().skip(skip).step_by(16) {
            let sample: Value = serde_json::from_str(&sample).unwrap();
            let mut dice =
                Dice { rolls: rolls.iter().cycle(), texts: texts.iter().cycle(), numbers: numbers.iter().cycle() };
            let value = dice.shake(&sample);
            // It reads, writes and reads again, and finds the same.
            if let Ok((written, unknown)) = round(&name, value.to_string().as_bytes()) {
                let back: Value = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(without_nulls(&back), without_nulls(&value), "{}", name);
                for path in unknown {
                    prop_assert!(back.pointer(&path).is_some(), "{}: {}", name, path);
                }
            }
        }
    }

    #[test]
    fn contacts_and_consents_are_read_as_they_were_written(
        contacts in bounded::<_, 1, 1000>((channel(), text(), option::of(text())).prop_map(|(channel, id, name)| {
            let mut contact = NewContact::new([ContactIdentity::new(channel, id)], Language::EnUs);
            contact.display_name = name;
            contact
        })),
        ids in bounded::<_, 1, 1000>(name().prop_map(ContactId::new)),
        people in vec(text(), 0..3),
    ) {
        same(&CreateContactsRequest::new(contacts))?;
        same(&DeleteContactsRequest::new(ids))?;
        let records: Vec<_> = people.into_iter().map(|who| ConsentRecord::new(who, ConsentType::OptOutAll)).collect();
        same(&InsertConsentsRequest::new(AppId::new("a"), records))?;
    }

    #[test]
    fn any_text_parses_as_any_open_name(
        text in prop_oneof![
            any::<String>(),
            proptest::sample::select(vec!["SMS", "READ", "UNKNOWN", "EN_US", "PROCESSED", "BR", "OPT_OUT_ALL"])
                .prop_map(str::to_owned),
        ]
    ) {
        any_text_parses_as!(text:
            Channel, Language, ConsentType, BatchState, DeliveryStatus, ProcessingMode, ReasonCode, ReasonSubCode,
            Trigger, Direction, CardHeight, DisplayMode, AgentKind, CapabilityStatus, OptInStatus, OptOutStatus,
            RecordStatus, Sentiment, Evaluation, CommentKind, ReactionAction, NfmReplyName, ReplyKind, PaymentStatus,
            PaymentTransactionStatus, sinch_batch_models::batch::ProcessingStrategy,
            channel_specific::FlowMode, channel_specific::FlowAction, channel_specific::PaymentCountry,
            channel_specific::GoodsKind, channel_specific::PixKeyKind, channel_specific::OrderState,
        );
    }

    #[test]
    fn any_json_in_an_open_place_survives(json in any_json(), pick in any::<prop::sample::Index>()) {
        let samples = samples();
        let (name, sample) = pick.get(&samples);
        let mut value: Value = serde_json::from_str(sample).unwrap();
        if let Some(map) = value.as_object_mut() {
            map.insert("x-new".to_owned(), json.clone());
        }
        // Every object one level down as well.
        for inner in value.as_object_mut().into_iter().flat_map(|map| map.values_mut()).filter_map(Value::as_object_mut) {
            inner.insert("x-new".to_owned(), json.clone());
        }
        if let Ok((written, _)) = round(name, value.to_string().as_bytes()) {
            let back: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(without_nulls(&back), without_nulls(&value), "{}", name);
        }
    }

    #[test]
    fn no_json_makes_a_reader_panic(json in any_json(), key in proptest::sample::select(CallbackKind::KEYS)) {
        let callback = json!({ key: json, "message_metadata": json.to_string() }).to_string();
        if let Ok(callback) = parse::<Callback>(callback.as_bytes()) {
            let _ = callback.origin();
            let _ = callback.unknown_fields();
        }
        let text = json.to_string();
        let _ = parse::<Message>(text.as_bytes());
        let _ = parse::<SendBatchRequest>(text.as_bytes());
        let _ = parse::<BatchStatuses>(text.as_bytes());
        let _ = ErrorBody::read(text.as_bytes());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        pick in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        bytes in vec(any::<u8>(), 0..8),
    ) {
        let samples = samples();
        let (name, sample) = pick.get(&samples);
        let mut sample = sample.clone().into_bytes();
        let at = cut.index(sample.len());
        for (place, byte) in sample[at..].iter_mut().zip(&bytes) {
            *place = *byte;
        }
        let _ = round(name, &sample);
        let _ = round(name, &sample[..at]);
        let _ = ErrorBody::read(&sample);
    }
}
