//! Who may do what: the rules of the policies of a user's roles, as they stand in the database. It never caches them, so lost ones show at once.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::entities;
use crate::http::Answer;

const RESOURCES: &[&str] =
    &["table", "user", "role", "policy", "bot", "ingestionPipeline", "eventsubscription", "app", "task"];
/// Some of the client's `Operation`s.
const OPERATIONS: &[&str] = &[
    "Create",
    "Delete",
    "ViewAll",
    "ViewBasic",
    "ViewUsage",
    "ViewQueries",
    "ViewSampleData",
    "EditAll",
    "EditDescription",
    "EditDisplayName",
    "EditLineage",
    "EditOwners",
    "EditTags",
    "Trigger",
    "Deploy",
    "Kill",
];

/// A rule and where it is from.
struct Origin {
    rule: Value,
    policy: String,
    role: Option<String>,
}

/// For every resource. Source of the shape: the client's `ResourcePermission` (no other fields allowed).
pub fn all(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let asked = Asked::new(api, asking)?;
    let data: Vec<Value> = RESOURCES.iter().map(|resource| asked.about(resource)).collect();
    let total = data.len();
    Ok(Answer::json(&json!({ "data": data, "paging": { "total": total } })))
}

/// For one. Assumption: ownership is not played, so an entity's permissions are its kind's.
pub fn of_resource(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let resource = asking.part(0);
    if !RESOURCES.contains(&resource) {
        return Ok(Answer::error(404, &format!("resource {resource} not found")));
    }
    Ok(Answer::json(&Asked::new(api, asking)?.about(resource)))
}

struct Asked {
    admin: bool,
    rules: Vec<Origin>,
}

impl Asked {
    /// The rules of the user's roles, then those of the organization.
    fn new(api: &Api, asking: &Asking<'_>) -> Result<Self> {
        let mut user = asking.user(&api.database)?;
        // An administrator may ask about somebody else. Source: `PermissionsResource`'s query parameter.
        if let (Some(name), true) = (asking.query("user"), user["isAdmin"] == true) {
            let other = entities::by_name(&api.database, entities::kind("users")?, name)?;
            user = other.with_context(|| format!("user instance for {name} not found"))?;
        }
        let (roles, policies) = (entities::kind("roles")?, entities::kind("policies")?);
        let mut found = Vec::new();
        let mut add = |policy: &str, role: Option<&str>| -> Result<()> {
            let policy = entities::by_name(&api.database, policies, policy)?.unwrap_or_default();
            let name = policy["name"].as_str().unwrap_or_default();
            found.extend(policy["rules"].as_array().into_iter().flatten().map(|rule| Origin {
                rule: rule.clone(),
                policy: name.to_owned(),
                role: role.map(str::to_owned),
            }));
            Ok(())
        };
        for role in user["roles"].as_array().into_iter().flatten().filter_map(|role| role["name"].as_str()) {
            let known = entities::by_name(&api.database, roles, role)?.unwrap_or_default();
            for policy in
                known["policies"].as_array().into_iter().flatten().filter_map(|policy| policy["name"].as_str())
            {
                add(policy, Some(role))?;
            }
        }
        add("OrganizationPolicy", None)?;
        Ok(Self { admin: user["isAdmin"] == true, rules: found })
    }

    fn about(&self, resource: &str) -> Value {
        let permissions: Vec<Value> = OPERATIONS.iter().map(|operation| self.decide(resource, operation)).collect();
        json!({ "resource": resource, "permissions": permissions })
    }

    /// The first rule that fits, an unconditional one before a conditional one: an assumption, simpler than the real order of
    /// denials and allowances. Without any, `notAllow`, as the client's schema says.
    fn decide(&self, resource: &str, operation: &str) -> Value {
        if self.admin {
            return json!({ "operation": operation, "access": "allow" });
        }
        let fitting = || self.rules.iter().filter(|rule| fits(&rule.rule, resource, operation));
        let sure = fitting().find(|rule| rule.rule["condition"].is_null());
        let Some(found) = sure.or_else(|| fitting().next()) else {
            return json!({ "operation": operation, "access": "notAllow" });
        };
        let effect = found.rule["effect"].as_str().unwrap_or("deny");
        let access = match (effect, sure.is_some()) {
            ("allow", true) => "allow",
            ("allow", false) => "conditionalAllow",
            (_, true) => "deny",
            (_, false) => "conditionalDeny",
        };
        json!({ "operation": operation, "access": access, "rule": found.rule, "policy": found.policy, "role": found.role })
    }
}

fn fits(rule: &Value, resource: &str, operation: &str) -> bool {
    let names =
        |field: &str| rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    let whole = |word: &str| match word {
        "All" => true,
        "ViewAll" => operation.starts_with("View"),
        "EditAll" => operation.starts_with("Edit"),
        other => other == operation,
    };
    names("resources").iter().any(|word| word.eq_ignore_ascii_case("all") || *word == resource)
        && names("operations").into_iter().any(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(rules: &[Value], operation: &str) -> Value {
        let rules =
            rules.iter().map(|rule| Origin { rule: rule.clone(), policy: "p".to_owned(), role: None }).collect();
        Asked { admin: false, rules }.decide("table", operation)["access"].clone()
    }

    #[test]
    fn a_consumer_may_look_and_not_delete() {
        let rules = [
            json!({ "resources": ["all"], "operations": ["ViewAll", "EditDescription"], "effect": "allow" }),
            json!({ "resources": ["all"], "operations": ["EditAll"], "effect": "allow", "condition": "isOwner()" }),
        ];
        assert_eq!(access(&rules, "ViewBasic"), "allow");
        assert_eq!(access(&rules, "EditDescription"), "allow");
        assert_eq!(access(&rules, "EditTags"), "conditionalAllow");
        assert_eq!(access(&rules, "Delete"), "notAllow");
        assert_eq!(
            access(&[json!({ "resources": ["table"], "operations": ["All"], "effect": "deny" })], "Delete"),
            "deny"
        );
    }
}
