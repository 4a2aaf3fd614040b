from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_ADMIN: _ClassVar[Role]
    ROLE_ADSERVER: _ClassVar[Role]
    ROLE_INGEST: _ClassVar[Role]
    ROLE_SUPPORT: _ClassVar[Role]
    ROLE_CONSOLE: _ClassVar[Role]

class TenantRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TENANT_RULE_UNSPECIFIED: _ClassVar[TenantRule]
    TENANT_RULE_NETWORK: _ClassVar[TenantRule]
    TENANT_RULE_NAMED: _ClassVar[TenantRule]
    TENANT_RULE_NARROWED: _ClassVar[TenantRule]
    TENANT_RULE_NONE: _ClassVar[TenantRule]
ROLE_UNSPECIFIED: Role
ROLE_ADMIN: Role
ROLE_ADSERVER: Role
ROLE_INGEST: Role
ROLE_SUPPORT: Role
ROLE_CONSOLE: Role
TENANT_RULE_UNSPECIFIED: TenantRule
TENANT_RULE_NETWORK: TenantRule
TENANT_RULE_NAMED: TenantRule
TENANT_RULE_NARROWED: TenantRule
TENANT_RULE_NONE: TenantRule
POLICY_FIELD_NUMBER: _ClassVar[int]
policy: _descriptor.FieldDescriptor

class MethodPolicy(_message.Message):
    __slots__ = ("roles", "tenant", "audited")
    ROLES_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    AUDITED_FIELD_NUMBER: _ClassVar[int]
    roles: _containers.RepeatedScalarFieldContainer[Role]
    tenant: TenantRule
    audited: bool
    def __init__(self, roles: _Optional[_Iterable[_Union[Role, str]]] = ..., tenant: _Optional[_Union[TenantRule, str]] = ..., audited: _Optional[bool] = ...) -> None: ...
