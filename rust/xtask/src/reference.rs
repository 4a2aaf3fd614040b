//! The API reference, from the comments of the protos.

use std::fmt::Write as _;

use protox::prost_reflect::prost_types::FileDescriptorProto;
use protox::prost_reflect::{
    EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor, Value,
};

use crate::generate::Protos;

/// The whole page, file by file.
pub(crate) fn render(protos: &Protos) -> String {
    let mut page = String::from(
        "# The gRPC API\n\nGenerated from `proto/segengine/v1` by `make generate`: edit the comments there.\n\n\
         Times are `google.protobuf.Timestamp`. Errors carry `google.rpc.ErrorInfo` (domain `segengine`, the class of \
         the error as its reason, `field` and `hint` as metadata) and, for bad values, `google.rpc.BadRequest`.\n\
         Standard services beside these: `grpc.health.v1.Health` and `grpc.reflection.v1.ServerReflection`.\n",
    );
    let files = protos.pool.files().filter(|file| file.package_name() == "segengine.v1");
    for file in files {
        let descriptor = file.file_descriptor_proto();
        let name = file.name().rsplit('/').next().unwrap_or_default().trim_end_matches(".proto").to_owned();
        let title = name[..1].to_uppercase() + &name[1..];
        let _ = write!(page, "\n## {title}\n\n{}\n", syntax_comment(descriptor));
        file.services().for_each(|service| render_service(&mut page, &service));
        file.messages().for_each(|message| render_message(&mut page, &message));
        file.enums().for_each(|value| render_enum(&mut page, &value));
    }
    page
}

fn render_service(page: &mut String, service: &ServiceDescriptor) {
    let _ = write!(page, "\n### service {}\n\n{}\n", service.name(), comment(&service.parent_file(), service.path()));
    for method in service.methods() {
        let stream = |yes: bool| if yes { "stream " } else { "" };
        let _ = write!(
            page,
            "\n#### {}\n\n`{}({}{}) → {}{}`\n\n{}\n\n{}\n",
            method.name(),
            method.name(),
            stream(method.is_client_streaming()),
            method.input().name(),
            stream(method.is_server_streaming()),
            method.output().name(),
            comment(&method.parent_file(), method.path()),
            render_policy(&method),
        );
    }
}

fn render_policy(method: &MethodDescriptor) -> String {
    let pool = method.parent_pool();
    let Some(extension) = pool.get_extension_by_name("segengine.v1.policy") else { return String::new() };
    let options = method.options();
    let policy = options.get_extension(&extension);
    let Some(policy) = policy.as_message() else { return String::new() };
    let name = |value: &Value, of: &str, prefix: &str| {
        let number = value.as_enum_number().unwrap_or_default();
        let value = pool.get_enum_by_name(of).and_then(|descriptor| descriptor.get_value(number));
        value.map_or_else(String::new, |value| value.name().trim_start_matches(prefix).to_lowercase())
    };
    let roles: Vec<String> = policy
        .get_field_by_name("roles")
        .and_then(|roles| Some(roles.as_list()?.iter().map(|role| name(role, "segengine.v1.Role", "ROLE_")).collect()))
        .unwrap_or_default();
    let tenant = policy
        .get_field_by_name("tenant")
        .map_or_else(String::new, |tenant| name(&tenant, "segengine.v1.TenantRule", "TENANT_RULE_"));
    format!("Roles: {}. Tenant: {tenant}.", roles.join(", "))
}

fn render_message(page: &mut String, message: &MessageDescriptor) {
    if message.is_map_entry() {
        return;
    }
    let name = message.full_name().trim_start_matches("segengine.v1.");
    let _ = write!(page, "\n### {name}\n\n{}\n", comment(&message.parent_file(), message.path()));
    if message.fields().len() > 0 {
        page.push_str("\n| field | type | number | meaning |\n|---|---|---|---|\n");
    }
    for field in message.fields() {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            field.name(),
            type_of(&field),
            field.number(),
            comment(&message.parent_file(), field.path()).replace('|', "\\|"),
        );
    }
    message.child_messages().for_each(|child| render_message(page, &child));
    message.child_enums().for_each(|child| render_enum(page, &child));
}

fn render_enum(page: &mut String, value: &EnumDescriptor) {
    let name = value.full_name().trim_start_matches("segengine.v1.");
    let _ = write!(page, "\n### {name}\n\n{}\n\n", comment(&value.parent_file(), value.path()));
    page.push_str("| value | number | meaning |\n|---|---|---|\n");
    for entry in value.values() {
        let meaning = comment(&value.parent_file(), entry.path()).replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {} | {meaning} |", entry.name(), entry.number());
    }
}

fn type_of(field: &FieldDescriptor) -> String {
    let name = match field.kind() {
        Kind::Message(message) => message.full_name().trim_start_matches("segengine.v1.").to_owned(),
        Kind::Enum(value) => value.full_name().trim_start_matches("segengine.v1.").to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    match oneof {
        Some(oneof) => format!("{name}, one of `{}`", oneof.name()),
        None if field.is_list() => format!("repeated {name}"),
        None if field.supports_presence() && !matches!(field.kind(), Kind::Message(_)) => format!("optional {name}"),
        None => name,
    }
}

/// The comment that stands before the element at `path`, as one paragraph.
fn comment(file: &protox::prost_reflect::FileDescriptor, path: &[i32]) -> String {
    comment_at(file.file_descriptor_proto(), path, false)
}

/// The comment that opens the file: it stands before the `syntax` line (field 12 of the descriptor).
fn syntax_comment(file: &FileDescriptorProto) -> String {
    comment_at(file, &[12], true)
}

fn comment_at(file: &FileDescriptorProto, path: &[i32], opening: bool) -> String {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let found = locations.filter(|location| location.path == path).find_map(|location| {
        let text = location.leading_comments.clone();
        if opening { text.or_else(|| location.leading_detached_comments.first().cloned()) } else { text }
    });
    found.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
