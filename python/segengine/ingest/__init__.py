"""How customer files, tables and arrays become messages: conversion only, nothing here speaks to an engine."""
