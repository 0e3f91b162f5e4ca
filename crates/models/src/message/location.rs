use crate::object::object;
use crate::wire::{NotFinite, Number, PrivateText};

object! {
    /// `location_message`: a place on the map. Source: the published Conversation API description.
    pub struct LocationMessage {
        /// What is shown above the place.
        pub title: PrivateText,
        /// A name of the place itself.
        pub label: Option<PrivateText> => with_label(PrivateText),
        /// Where it is.
        pub coordinates: Coordinates,
    }
}

impl LocationMessage {
    /// A place.
    pub fn new(title: impl Into<PrivateText>, coordinates: Coordinates) -> Self {
        Self { title: title.into(), label: None, coordinates, unknown_fields: Default::default() }
    }
}

object! {
    /// A place in degrees.
    pub struct Coordinates {
        /// Degrees north of the equator; negative in the south.
        pub latitude: Number,
        /// Degrees east of Greenwich; negative in the west.
        pub longitude: Number,
    }
}

impl Coordinates {
    /// A place in degrees north and east.
    ///
    /// # Errors
    /// If one of them is infinite or no number: JSON cannot say that.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, NotFinite> {
        Ok(Self {
            latitude: latitude.try_into()?,
            longitude: longitude.try_into()?,
            unknown_fields: Default::default(),
        })
    }
}
