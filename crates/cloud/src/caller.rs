//! Who asks: the identity that a token stands for.

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    #[default]
    Project,
    Domain,
    System,
    /// A token without a scope.
    Nothing,
}

/// Whoever sent a request, as the identity service says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    pub user_id: String,
    pub user_domain_id: String,
    /// Empty when the token is not for a project.
    pub project_id: String,
    pub project_domain_id: String,
    /// Set for a token of a domain.
    pub domain_id: String,
    pub reach: Reach,
    /// In lower case.
    pub roles: Vec<String>,
    /// Roles of the service that passes the request on (`X-Service-Token`), in lower case.
    pub service_roles: Vec<String>,
    /// Of the project that the identity service calls the administrators' own.
    pub is_admin_project: bool,
}

impl Caller {
    /// The one caller there is where nobody is asked who they are.
    pub fn everyone(project_id: impl Into<String>) -> Caller {
        let roles = ["admin", "manager", "member", "reader", "service"];
        Caller {
            project_id: project_id.into(),
            roles: roles.map(str::to_owned).to_vec(),
            is_admin_project: true,
            ..Caller::default()
        }
    }

    /// One of whom nothing is known, and who may do nothing.
    pub fn stranger() -> Caller {
        Caller { reach: Reach::Nothing, ..Caller::default() }
    }
}
