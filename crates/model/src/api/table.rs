//! The shape of a resource's table.
//!
//! Tables are constants written with the `const fn` words of [`Attr`]:
//! `text("name").default("").check(Check::Name(255)).post().put().shown().filter().sort()`.

use crate::api::convert::Convert;
use crate::api::validate::Check;

/// One collection of the API.
#[derive(Debug)]
pub struct Resource {
    /// Also the body key: `network`.
    pub singular: &'static str,
    /// Also the list key and the SQL table.
    pub plural: &'static str,
    /// The URL part after `/v2.0/`.
    pub path: &'static str,
    /// The collection that it lies below: `floatingips/{floatingip_id}/port_forwardings`.
    pub parent: Option<Parent>,
    /// The reference's error type for an unknown id.
    pub not_found: &'static str,
    /// False for the collections of the reference's older stack, whose generic errors differ.
    pub core: bool,
    /// Takes `{"networks": [...]}` in POST.
    pub bulk: bool,
    /// Which of the five operations exist.
    pub ops: Ops,
    /// An SQL condition over the resource's row: who but the administrators sees it at all.
    /// `{project}` stands for the reader's project; empty when the policy alone decides.
    pub seen_by: &'static str,
    /// How many a project may have; -1 is any number. `None` where projects have none.
    pub quota: Option<i64>,
    pub attrs: &'static [Attr],
}

/// What a resource is a part of, and goes with.
#[derive(Debug, Clone, Copy)]
pub struct Parent {
    pub table: &'static Resource,
    /// Where the resource's own table holds the id of the one it belongs to; an attribute, too, that
    /// requests neither name nor see.
    pub column: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ops {
    pub create: bool,
    pub update: bool,
    pub delete: bool,
}

impl Resource {
    /// What rules of the policy call it: `create_RULE_NAME`.
    pub fn rule_name(&self) -> String {
        match self.parent {
            Some(parent) => format!("{}_{}", parent.table.singular, self.singular),
            None => self.singular.to_owned(),
        }
    }

    /// The URL of the collection, such as the document shows it.
    pub fn url(&self) -> String {
        match self.parent {
            Some(parent) => format!("{}/{{{}}}/{}", parent.table.url(), parent.column, self.path),
            None => format!("/v2.0/{}", self.path),
        }
    }

    pub fn attr(&self, name: &str) -> Option<&'static Attr> {
        self.attrs.iter().find(|attr| attr.name == name)
    }

    /// Columns that one row of the table has, each once, in table order.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, Type)> {
        self.attrs.iter().filter_map(|attr| match attr.source {
            Source::Column(column) => Some((column, attr.ty)),
            Source::None | Source::Same(_) | Source::Sql(_) => None,
        })
    }
}

/// What a value is in JSON and in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Int,
    /// An integer that answers show as text.
    IntText,
    Bool,
    /// A list or object, stored as JSON text.
    Json,
}

/// Where a value is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Not stored: only steers the request.
    None,
    /// A column of the resource's own table.
    Column(&'static str),
    /// Another attribute's column (`tenant_id` reads `project_id`).
    Same(&'static str),
    /// An SQL expression over the resource's row. `{alive_since}` stands for the time in
    /// microseconds after which a heartbeat counts as alive, `{json_list x}` for the JSON list of `x`
    /// over the rows of a FROM.
    Sql(&'static str),
}

/// What a POST without the attribute means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// There is none: the attribute is required if it may be posted.
    Required,
    /// Left unsaid; the resource's own logic decides.
    Unset,
    Null,
    Bool(bool),
    Int(i64),
    Text(&'static str),
    EmptyList,
}

/// When an attribute is left out of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownIf {
    Always,
    /// Only when this boolean column is true.
    True(&'static str),
    /// Only when this boolean column is false.
    False(&'static str),
    /// Only when there is a value.
    Filled,
    /// The same; the answer to a POST shows it all the same.
    Known,
}

/// One attribute of a resource, and all that the generic machinery does with it.
#[derive(Debug, Clone, Copy)]
pub struct Attr {
    pub name: &'static str,
    pub ty: Type,
    pub source: Source,
    pub post: bool,
    pub put: bool,
    pub visible: bool,
    pub shown_if: ShownIf,
    pub filter: bool,
    pub sort: bool,
    pub default: Default,
    pub convert: Convert,
    pub check: Check,
    /// Has a policy rule of its own (`create_network:shared`), checked when set.
    pub enforce_policy: bool,
    /// Policy rules of the resource look at it, whatever `fields` asks for.
    pub policy_target: bool,
    /// The extension alias that adds it; empty for the core.
    pub via: &'static str,
}

const fn attr(name: &'static str, ty: Type) -> Attr {
    Attr {
        name,
        ty,
        source: Source::Column(name),
        post: false,
        put: false,
        visible: false,
        shown_if: ShownIf::Always,
        filter: false,
        sort: false,
        default: Default::Required,
        convert: Convert::None,
        check: Check::None,
        enforce_policy: false,
        policy_target: false,
        via: "",
    }
}

pub const fn text(name: &'static str) -> Attr {
    attr(name, Type::Text)
}

pub const fn int(name: &'static str) -> Attr {
    attr(name, Type::Int).convert(Convert::Int)
}

/// A number that answers show as text.
pub const fn number_as_text(name: &'static str) -> Attr {
    attr(name, Type::IntText).convert(Convert::Int)
}

pub const fn boolean(name: &'static str) -> Attr {
    attr(name, Type::Bool).convert(Convert::Boolean)
}

pub const fn json(name: &'static str) -> Attr {
    attr(name, Type::Json)
}

/// A name that only filters understand: not stored, not shown.
pub const fn filter_only(name: &'static str) -> Attr {
    text(name).from(Source::None).default(Default::Unset).filter()
}

impl Attr {
    pub const fn post(mut self) -> Attr {
        self.post = true;
        self
    }

    pub const fn put(mut self) -> Attr {
        self.put = true;
        self
    }

    pub const fn shown(mut self) -> Attr {
        self.visible = true;
        self
    }

    pub const fn filter(mut self) -> Attr {
        self.filter = true;
        self
    }

    pub const fn sort(mut self) -> Attr {
        self.sort = true;
        self
    }

    pub const fn column(mut self, column: &'static str) -> Attr {
        self.source = Source::Column(column);
        self
    }

    pub const fn from(mut self, source: Source) -> Attr {
        self.source = source;
        self
    }

    pub const fn default(mut self, default: Default) -> Attr {
        self.default = default;
        self
    }

    pub const fn convert(mut self, convert: Convert) -> Attr {
        self.convert = convert;
        self
    }

    pub const fn check(mut self, check: Check) -> Attr {
        self.check = check;
        self
    }

    pub const fn enforced(mut self) -> Attr {
        self.enforce_policy = true;
        self
    }

    pub const fn target(mut self) -> Attr {
        self.policy_target = true;
        self
    }

    pub const fn shown_if(mut self, when: ShownIf) -> Attr {
        self.shown_if = when;
        self
    }

    pub const fn via(mut self, alias: &'static str) -> Attr {
        self.via = alias;
        self
    }

    /// Its value is an object whose parts have policy rules of their own.
    pub const fn has_parts(&self) -> bool {
        matches!(self.check, Check::GatewayInfo)
    }

    pub const fn required(&self) -> bool {
        self.post && matches!(self.default, Default::Required)
    }
}

// The attributes that most resources share.

pub const ID: Attr = text("id").check(Check::Uuid).shown().filter().sort().default(Default::Unset);
pub const NAME: Attr =
    text("name").default(Default::Text("")).check(Check::Name(255)).post().put().shown().filter().sort();
pub const ADMIN_STATE_UP: Attr =
    boolean("admin_state_up").default(Default::Bool(true)).post().put().shown().filter().sort();
/// Filled from the caller when it is not given.
pub const TENANT_ID: Attr = text("tenant_id")
    .from(Source::Same("project_id"))
    .default(Default::Unset)
    .check(Check::Text(255))
    .post()
    .shown()
    .filter()
    .sort()
    .target();
pub const PROJECT_ID: Attr = text("project_id")
    .default(Default::Unset)
    .check(Check::Text(255))
    .post()
    .shown()
    .filter()
    .sort()
    .target();
pub const REVISION_NUMBER: Attr =
    int("revision_number").default(Default::Unset).shown().filter().via("standard-attr-revisions");
pub const CREATED_AT: Attr =
    text("created_at").default(Default::Unset).shown().via("standard-attr-timestamp");
pub const UPDATED_AT: Attr =
    text("updated_at").default(Default::Unset).shown().via("standard-attr-timestamp");
pub const DESCRIPTION: Attr = text("description")
    .default(Default::Text(""))
    .check(Check::Text(255))
    .post()
    .put()
    .shown()
    .filter()
    .via("standard-attr-description");
pub const TAGS: Attr = json("tags").default(Default::EmptyList).shown().filter().via("standard-attr-tag");
pub const TAGS_ANY: Attr = filter_only("tags-any").via("standard-attr-tag");
pub const NOT_TAGS: Attr = filter_only("not-tags").via("standard-attr-tag");
pub const NOT_TAGS_ANY: Attr = filter_only("not-tags-any").via("standard-attr-tag");
