//! The rule language: what rules say, which are refused and why, and that asking without a target
//! never contradicts asking with one.

use cloud::policy::{Fault, Policies, Target, Verdict, defaults, text_of};
use cloud::{Caller, Reach};
use model::api::RESOURCES;
use proptest::prelude::*;
use serde_json::{Value, json};

/// An operation whose rule the tests put in place of the default.
const ASKED: &str = "get_network";

fn caller(roles: &[&str]) -> Caller {
    Caller {
        user_id: "u1".into(),
        project_id: "p1".into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        service_roles: vec!["service".into()],
        ..Caller::default()
    }
}

fn target(value: Value) -> Target {
    value.as_object().expect("an object").clone()
}

fn with(rules: &[(&str, &str)]) -> Result<Policies, Vec<(String, Option<usize>, Fault)>> {
    let rules = rules.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Policies::with(rules)
        .map_err(|error| error.problems.into_iter().map(|p| (p.rule, p.at, p.fault)).collect())
}

#[test]
fn the_defaults_are_sound_and_name_what_exists() {
    let policies = Policies::default();
    let mut seen = 0;
    for default in defaults::all() {
        seen += 1;
        assert!(policies.has(default.rule), "{} twice?", default.rule);
        assert_eq!(default.scope, Reach::Project);
        assert_eq!(default.operations.is_empty(), !default.about.is_empty(), "{}", default.rule);
        let Some((operation, attribute)) = default.rule.split_once(':') else { continue };
        let (_, singular) = operation.split_once('_').expect("an operation and a resource");
        let table = RESOURCES.into_iter().find(|table| table.singular == singular).expect("is served");
        let known = table.attrs.iter().any(|attr| {
            attribute.strip_prefix(attr.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        assert!(known, "{}: no attribute {attribute}", default.rule);
    }
    assert_eq!(policies.rules().count(), seen, "a rule is there twice");
}

#[test]
fn rules_say_what_they_say() {
    let about = target(json!({
        "project_id": "p1", "tenant_id": "p1", "user_id": "u2", "shared": false, "n": 12, "role": "Member",
        "network:project_id": "p2", "network:shared": true, "network:router:external": false,
        "device_owner": "compute:nova", "gone": null, "list": ["p1"],
    }));
    for (text, expected) in [
        ("", true),
        ("@", true),
        ("!", false),
        ("role:member", true),
        ("role:MEMBER", true),
        ("role:admin", false),
        ("role:%(role)s", true),
        ("role:%(nothing)s", false),
        ("role:admin or role:member", true),
        ("role:admin OR Not role:member And role:member", false),
        ("not role:admin", true),
        ("not not role:admin", false),
        ("not (role:admin or role:member)", false),
        ("role:admin and role:admin or role:member", true),
        ("role:member or role:admin and role:admin", true),
        ("(role:member or role:admin) and role:admin", false),
        ("((role:member))", true),
        ("project_id:%(project_id)s", true),
        ("tenant_id:%(tenant_id)s", true),
        ("project_id:%(network:project_id)s", false),
        ("project_id:%(network:tenant_id)s", false),
        ("project_id:%(list)s", false),
        ("user_id:%(user_id)s", false),
        ("user_id:u1", true),
        ("user:u1", true),
        ("service_roles:service", true),
        ("roles:member", true),
        ("is_admin:True", false),
        ("is_admin:False", true),
        ("is_admin_project:False", true),
        ("domain_id:None", true),
        ("domain_id:%(gone)s", false),
        ("True:%(network:shared)s", true),
        ("False:%(shared)s", true),
        ("'compute':%(device_owner)s", false),
        ("12:%(n)s", true),
        ("None:%(gone)s", true),
        ("'None':%(nothing)s", false),
        ("'a%':a%%", true),
        ("'x12y':x%(n)sy", true),
        ("field:networks:shared=True", false),
        ("field:networks:shared=no", true),
        ("field:networks:router:external=False", true),
        ("field:ports:shared=True", false),
        ("field:port:device_owner=compute:nova", true),
        ("field:port:device_owner=~^compute:", true),
        ("field:port:device_owner=~ompute", false),
        ("field:port:device_owner=~.*nova", true),
        ("field:port:n=~1", false),
        ("field:port:gone=None", false),
    ] {
        let policies = with(&[(ASKED, text)]).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        assert_eq!(policies.allows(ASKED, &caller(&["member"]), &about), expected, "{text}");
    }
}

#[test]
fn bad_rules_are_refused_with_their_place() {
    let text = |text: &str| text.to_owned();
    for (rule, at, fault) in [
        (" \t", None, Fault::Blank),
        ("member", Some(1), Fault::NotACheck(text("member"))),
        ("role:a and member", Some(12), Fault::NotACheck(text("member"))),
        ("role:a or 'role:b'", Some(11), Fault::Quoted(text("'role:b'"))),
        ("é:x or role:a", Some(1), Fault::UnknownCredential(text("é"))),
        ("role:é or x", Some(11), Fault::NotACheck(text("x"))),
        ("role:a and", Some(8), Fault::Missing("and")),
        ("or role:a", Some(1), Fault::Missing("or")),
        ("not", Some(1), Fault::Missing("not")),
        ("not and role:a", Some(1), Fault::Missing("not")),
        ("role:a or (role:b", Some(11), Fault::Open),
        ("role:a)", Some(7), Fault::Closes),
        ("()", Some(2), Fault::Missing("the parenthesis")),
        ("role:a role:b", Some(8), Fault::NotJoined),
        ("(role:a role:b)", Some(9), Fault::NotJoined),
        ("http://example.org/%(id)s", Some(1), Fault::Http(text("http"))),
        ("user_idd:x", Some(1), Fault::UnknownCredential(text("user_idd"))),
        ("token.roles:x", Some(1), Fault::UnknownCredential(text("token.roles"))),
        ("007:x", Some(1), Fault::Literal(text("007"))),
        ("'a:x", Some(1), Fault::Literal(text("'a"))),
        ("user_id:%s", Some(9), Fault::Format),
        ("user_id:a%(b)d", Some(10), Fault::Format),
        ("user_id:100%", Some(12), Fault::Format),
        ("project_id:p1", Some(12), Fault::Owner(text("project_id"))),
        ("tenant_id:x%(tenant_id)s", Some(11), Fault::Owner(text("tenant_id"))),
        ("is_admin:true", Some(10), Fault::TrueOrFalse("is_admin", text("true"))),
        ("field:networks", Some(7), Fault::Field),
        ("field:networks:shared", Some(7), Fault::Field),
        ("rule:nowhere", Some(1), Fault::Undefined(text("nowhere"))),
    ] {
        let problems = with(&[(ASKED, rule)]).map(drop).expect_err(rule);
        assert_eq!(problems, [(ASKED.to_owned(), at, fault)], "{rule}");
    }
    for rule in
        ["field:networks:shared=perhaps", "field:port:device_owner=~(", "field:port:name=~(\\w{99}){99}"]
    {
        let problems = with(&[(ASKED, rule)]).map(drop).expect_err(rule);
        assert!(matches!(problems[0].2, Fault::FieldValue(_) | Fault::Regex(_)), "{rule}: {problems:?}");
    }
    let deep = format!("{}role:a{}", "(".repeat(40), ")".repeat(40));
    let long = vec!["role:a"; 2000].join(" or ");
    assert_eq!(with(&[(ASKED, &deep)]).map(drop).expect_err("deep")[0].2, Fault::TooDeep);
    assert_eq!(with(&[(ASKED, &long)]).map(drop).expect_err("long")[0].2, Fault::TooLong);
}

#[test]
fn every_mistake_is_told_and_says_what_to_do() {
    let rules = [("create_network", "member"), ("my_rule", "role:"), ("update_network", "role:a or")];
    let error = Policies::with(rules.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let told = error.expect_err("two are bad").to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(
        lines[0].starts_with("create_network, character 1: 'member'") && lines[0].contains("role:member")
    );
    assert!(lines[1].starts_with("update_network, character 8:"), "{told}");
}

#[test]
fn rules_that_lead_back_to_themselves_are_found_when_they_are_loaded() {
    let names = |names: &[&str]| Fault::Loop(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(with(&[("a", "rule:a")]).map(drop), Err(vec![("a".into(), None, names(&["a", "a"]))]));
    let circle = [("a", "role:x or rule:b"), ("b", "not rule:c"), ("c", "rule:a"), ("d", "rule:b")];
    assert_eq!(with(&circle).map(drop), Err(vec![("a".into(), None, names(&["a", "b", "c", "a"]))]));
    let hidden = [("context_is_admin", "is_admin:True")];
    let told = with(&hidden).map(drop).expect_err("asks itself");
    assert_eq!(told[0].2, names(&["context_is_admin", "context_is_admin"]));
}

#[test]
fn rules_that_grow_too_large_are_found_when_they_are_loaded() {
    let mut chain = vec![("r0".to_owned(), "role:a".to_owned())];
    let mut burst = vec![("b0".to_owned(), "role:a".to_owned())];
    for at in 1..40 {
        chain.push((format!("r{at}"), format!("rule:r{}", at - 1)));
    }
    for at in 1..20 {
        burst.push((format!("b{at}"), format!("rule:b{0} or rule:b{0}", at - 1)));
    }
    let told = Policies::with(chain).expect_err("too far").problems;
    assert_eq!(told.iter().map(|p| &p.fault).collect::<Vec<_>>(), [&Fault::TooFar]);
    let told = Policies::with(burst).expect_err("too much").problems;
    assert_eq!((told.len(), told[0].rule.as_str(), &told[0].fault), (1, "b14", &Fault::TooMuch));
}

#[test]
fn rules_that_nobody_asks_may_be_there() {
    let policies =
        with(&[("create_firewall_group", "rule:no_such_rule"), ("mine", "role:a"), (ASKED, "rule:mine")])
            .expect("not asked");
    let asked: Vec<(&str, bool)> =
        policies.rules().filter(|rule| rule.default.is_none()).map(|rule| (rule.name, rule.asked)).collect();
    assert_eq!(asked, [("create_firewall_group", false), ("mine", true)]);
}

#[test]
fn what_has_no_rule() {
    let (own, other) = (target(json!({"project_id": "p1"})), target(json!({"project_id": "p2"})));
    let policies = Policies::default();
    let member = caller(&["member"]);
    assert!(!policies.has("create_network:mtu"));
    assert!(policies.allows("create_network:mtu", &member, &own));
    assert!(!policies.allows("create_network:mtu", &member, &other), "the rule `default` stands in");
    assert!(policies.allows("get_network:mtu", &member, &other), "hides no attribute");
    assert_eq!(policies.verdict("get_network:mtu", &member), Verdict::Yes);
    let policies = with(&[("default", "!")]).expect("good");
    assert!(!policies.allows("create_network:mtu", &member, &own));
}

#[test]
fn only_tokens_of_a_project_are_taken() {
    let policies = Policies::default();
    let about = target(json!({"project_id": "p1", "shared": true}));
    for reach in [Reach::Domain, Reach::System, Reach::Nothing] {
        let admin = Caller { reach, ..caller(&["admin", "member", "reader"]) };
        for rule in policies.rules() {
            assert!(!policies.allows(rule.name, &admin, &about), "{}", rule.name);
            assert_eq!(policies.verdict(rule.name, &admin), Verdict::No);
        }
    }
}

#[test]
fn who_has_no_project_owns_nothing() {
    let nobody = Caller { project_id: String::new(), ..caller(&["member", "reader"]) };
    for owner in [json!(""), json!(null), json!("None")] {
        let about = target(json!({"project_id": owner, "tenant_id": owner, "user_id": owner}));
        for rule in ["project_id:%(project_id)s", "tenant_id:%(tenant_id)s", "user_domain_id:%(user_id)s"] {
            let policies = with(&[(ASKED, rule)]).expect("good");
            assert!(!policies.allows(ASKED, &nobody, &about), "{rule} of {owner}");
        }
    }
}

#[test]
fn rules_about_the_caller_look_at_the_caller() {
    let policies =
        with(&[("context_is_admin", "user_id:%(user_id)s and role:boss"), (ASKED, "is_admin:True")]);
    let policies = policies.expect("good");
    let about = target(json!({"user_id": "u2"}));
    assert!(policies.allows(ASKED, &caller(&["boss"]), &about));
    assert!(!policies.allows("context_is_admin", &caller(&["boss"]), &about));
    assert_eq!(policies.verdict(ASKED, &caller(&["boss"])), Verdict::Yes);
}

#[test]
fn lists_of_lists() {
    for (value, text) in [
        (json!("role:a or role:b"), "role:a or role:b"),
        (json!([]), "@"),
        (json!([[]]), "!"),
        (
            json!(["role:a", ["role:b", "project_id:%(project_id)s"], []]),
            "role:a or role:b and project_id:%(project_id)s",
        ),
    ] {
        assert_eq!(text_of(&value).as_deref(), Ok(text), "{value}");
    }
    for value in
        [json!(null), json!(true), json!([1]), json!([[["x"]]]), json!({}), json!([["a b"]]), json!(["or"])]
    {
        assert!(text_of(&value).is_err(), "{value}");
    }
}

#[test]
fn the_callers_part_is_told_apart() {
    let policies = Policies::default();
    let (admin, member, reader) = (caller(&["admin"]), caller(&["member", "reader"]), caller(&["reader"]));
    for (rule, of_admin, of_member, of_reader) in [
        ("create_network", Verdict::Yes, Verdict::Depends, Verdict::No),
        ("create_network:shared", Verdict::Yes, Verdict::No, Verdict::No),
        ("get_network", Verdict::Yes, Verdict::Depends, Verdict::Depends),
        ("get_network:provider:network_type", Verdict::Yes, Verdict::No, Verdict::No),
        ("update_port:binding:profile", Verdict::No, Verdict::No, Verdict::No),
        ("context_is_admin", Verdict::Yes, Verdict::No, Verdict::No),
    ] {
        let said = [&admin, &member, &reader].map(|caller| policies.verdict(rule, caller));
        assert_eq!(said, [of_admin, of_member, of_reader], "{rule}");
    }
}

fn a_rule() -> impl Strategy<Value = String> {
    let check = prop::sample::select(vec![
        "@",
        "!",
        "role:admin",
        "role:member",
        "role:%(role)s",
        "project_id:%(project_id)s",
        "user_id:u1",
        "user_id:%(user_id)s",
        "service_roles:service",
        "field:networks:shared=True",
        "is_admin:True",
        "field:port:device_owner=~^n",
        "rule:admin_or_owner",
        "rule:external",
        "True:%(shared)s",
    ]);
    check.prop_map(str::to_owned).prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|rule| format!("not ({rule})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|rules| format!("({})", rules.join(" and "))),
            prop::collection::vec(inner, 2..4).prop_map(|rules| format!("({})", rules.join(" or "))),
        ]
    })
}

fn a_target() -> impl Strategy<Value = Target> {
    let value = prop::sample::select(vec![
        json!("p1"),
        json!("u1"),
        json!("admin"),
        json!("network:x"),
        json!(true),
        json!(false),
        json!(null),
    ]);
    let name = prop::sample::select(vec![
        "project_id",
        "user_id",
        "role",
        "shared",
        "network:shared",
        "device_owner",
        "router:external",
    ]);
    prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..6)
        .prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn the_verdict_never_contradicts_a_target(
        rule in a_rule(),
        about in a_target(),
        roles in prop::collection::vec(prop::sample::select(vec!["admin", "member"]), 0..3),
    ) {
        let policies = with(&[(ASKED, &rule)]).expect("the rules are good");
        let caller = caller(&roles);
        let allowed = policies.allows(ASKED, &caller, &about);
        match policies.verdict(ASKED, &caller) {
            Verdict::Yes => prop_assert!(allowed, "{}", rule),
            Verdict::No => prop_assert!(!allowed, "{}", rule),
            Verdict::Depends => {}
        }
    }

    #[test]
    fn no_text_breaks_the_reader(rule in "[ -~\\t\u{1c}é]{0,60}|[()!@%:'a ]{0,40}|((not|and|or|role:a|[()]) ?){0,20}") {
        if let Ok(policies) = with(&[(ASKED, &rule)]) {
            policies.allows(ASKED, &caller(&["member"]), &Target::new());
        }
    }
}
