"""Every address of the console, and how its blueprint is put together."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, before_render_template
from flask.blueprints import BlueprintSetupState

from cdp.config import Settings
from cdp.console import (
    assets,
    auth,
    defined,
    errors,
    format,
    home,
    layout,
    masking,
    persons,
    search,
    security,
)
from cdp.console.audiences import builder, by_hand, picks, preview, queries, reasons
from cdp.console.audiences import overview as audiences
from cdp.console.broadcasts import form as broadcast_form
from cdp.console.broadcasts import overview as broadcasts
from cdp.console.catalogue import classes, lists
from cdp.console.catalogue import pages as catalogue_pages
from cdp.console.connections import destinations, plugins, replays, sources
from cdp.console.context import EXTENSION, Console, Services
from cdp.console.journeys import backtests as journey_backtest
from cdp.console.journeys import editor as journey_editor
from cdp.console.journeys import launch as journey_launch
from cdp.console.journeys import new as journey_new
from cdp.console.journeys import overview as journeys
from cdp.console.journeys import people as journey_people
from cdp.console.journeys import report as journey_report
from cdp.console.journeys import rollout as journey_rollout
from cdp.console.journeys import trial as journey_try
from cdp.console.journeys import versions as journey_versions
from cdp.console.journeys import why as journey_why
from cdp.console.line_diff import line_diff
from cdp.console.live import rejected
from cdp.console.live import stream as live
from cdp.console.messages import images, limits, stationery, wishes, wrappings, written
from cdp.console.messages import sent as messages
from cdp.console.people import deletions, exports, identity, imports, privacy
from cdp.console.people import overview as people
from cdp.console.settings import identity_rules, object_kinds, trait_rules, users
from cdp.store import Store, meta

View = Callable[..., Any]

#: A number in an address; larger ones fit into neither database and are 404.
_INT = f"int(max={2**63 - 1})"

#: (address, endpoint, view); a view that takes a form has its address in `FORMS`.
PAGES: tuple[tuple[str, str, View], ...] = (
    ("/", "home", home.index),
    ("/assets/<version>/<path:path>", "asset", assets.asset),
    ("/find", "palette", search.palette),
    ("/live", "live", live.index),
    ("/live/rows", "live_rows", live.rows),
    ("/live/rejected", "rejected", rejected.index),
    (f"/live/rejected/<{_INT}:number>", "rejected_one", rejected.one),
    (f"/live/events/<{_INT}:seq>", "event", live.event),
    ("/catalogue", "catalogue", catalogue_pages.index),
    ("/catalogue/event", "catalogue_event", catalogue_pages.event),
    ("/catalogue/traits", "catalogue_traits", catalogue_pages.traits),
    ("/catalogue/context", "catalogue_context", catalogue_pages.context),
    ("/catalogue/personal", "catalogue_personal", classes.index),
    ("/catalogue/lists", "lists", lists.index),
    ("/catalogue/lists/<key>", "list_one", lists.one),
    ("/audiences", "audiences", audiences.index),
    ("/journeys", "journeys", journeys.index),
    ("/journeys/-new", "journey_new", journey_new.new),
    ("/journeys/-new/<name>", "journey_recipe", journey_new.recipe),
    ("/journeys/-letter/<template>", "journey_letter", journey_editor.letter),
    ("/journeys/<key>", "journey", journeys.page),
    ("/journeys/<key>/counts", "journey_counts", journeys.counts),
    ("/journeys/<key>/edit", "journey_edit", journey_editor.edit),
    ("/journeys/<key>/launch", "journey_launch", journey_launch.page),
    ("/journeys/<key>/people", "journey_people", journey_people.index),
    (f"/journeys/<key>/runs/<{_INT}:number>", "journey_run", journey_people.run),
    ("/journeys/<key>/why/<profile>", "journey_why", journey_why.page),
    ("/journeys/<key>/report", "journey_report", journey_report.page),
    ("/journeys/<key>/report.csv", "journey_report_csv", journey_report.export),
    ("/journeys/<key>/backtest", "journey_backtest", journey_backtest.page),
    (f"/journeys/<key>/backtest/<{_INT}:number>", "journey_backtested", journey_backtest.one),
    ("/journeys/<key>/versions", "journey_versions", journey_versions.index),
    ("/journeys/<key>/compare", "journey_compare", journey_versions.compare),
    ("/messages", "messages", messages.index),
    ("/messages/broadcasts", "broadcasts", broadcasts.index),
    ("/messages/broadcasts/-new", "broadcast_new", broadcast_form.new),
    ("/messages/broadcasts/-count", "broadcast_count", broadcast_form.count),
    ("/messages/broadcasts/<key>", "broadcast", broadcasts.page),
    ("/messages/broadcasts/<key>/edit", "broadcast_edit", broadcast_form.edit),
    ("/messages/broadcasts/<key>/checks", "broadcast_checks", broadcasts.checks),
    ("/messages/broadcasts/<key>/letter", "broadcast_letter", broadcasts.letter),
    ("/messages/templates", "templates", stationery.index),
    ("/messages/templates/-new", "template_new", stationery.new),
    ("/messages/templates/<key>", "template", stationery.edit),
    ("/messages/templates/<key>/versions", "template_versions", written.versions),
    ("/messages/images", "images", images.index),
    ("/messages/images/<hash_>", "image", images.one),
    ("/messages/health", "messages_health", messages.health),
    ("/messages/suppressed", "suppressed", wishes.suppressed),
    ("/messages/topics", "topics", wishes.topics),
    ("/messages/topics/preview", "topics_preview", wishes.preview),
    ("/messages/deliveries/<name>", "message", messages.one),
    ("/messages/deliveries/<name>/html", "message_html", messages.html),
    ("/audiences/<key>/members.csv", "audience_csv", by_hand.export),
    ("/people", "people", people.index),
    ("/people/exports", "exports", exports.index),
    ("/people/deletions", "deletions", deletions.index),
    ("/people/imports", "imports", imports.index),
    ("/people/imports/new", "import_new", imports.new),
    ("/people/imports/draft/<token>", "import_draft", imports.draft),
    (f"/people/imports/<{_INT}:number>", "import_one", imports.one),
    (f"/people/imports/<{_INT}:number>/refused.csv", "import_refused", imports.refused),
    ("/people/<profile>", "person", people.person),
    ("/people/<profile>/unmerge", "unmerge", identity.part_page),
    ("/people/<profile>/access", "person_access", privacy.access),
    ("/people/<profile>/<tab>", "person_tab", people.person),
    ("/connections", "connections", sources.index),
    ("/connections/sources/new", "source_new", sources.new),
    ("/connections/sources/<key>", "source", sources.page),
    ("/conditions/pick", "condition_pick", picks.pick),
    ("/connections/destinations", "destinations", destinations.index),
    ("/connections/destinations/new", "destination_catalogue", destinations.catalogue_page),
    ("/connections/destinations/new/<plugin>", "destination_new", destinations.new),
    ("/connections/destinations/<key>", "destination", destinations.page),
    ("/connections/destinations/<key>/<tab>", "destination_tab", destinations.page),
    ("/connections/destinations/<key>/replays", "destination_replays", replays.page),
    (
        f"/connections/destinations/<key>/calls/<{_INT}:number>",
        "call",
        destinations.call,
    ),
    ("/connections/plugins", "plugins", plugins.index),
    ("/settings", "account", users.account),
    ("/settings/tokens", "tokens", users.tokens),
    ("/settings/users", "users", users.users),
    ("/settings/identity", "identity_rules", identity_rules.page),
    ("/settings/traits", "trait_rules", trait_rules.page),
    ("/settings/objects", "object_types", object_kinds.page),
    ("/settings/activity", "activity", users.activity),
)

FORMS: tuple[tuple[str, str, View], ...] = (
    ("/logout", "logout", auth.logout),
    ("/theme", "theme", layout.theme),
    ("/sample-data", "sample_data", home.sample_data),
    ("/conditions/read", "condition_read", builder.read),
    ("/conditions/write", "condition_write", builder.write),
    ("/journeys/-new/<name>", "journey_create", journey_new.create),
    ("/journeys/<key>", "journey_act", journeys.act),
    ("/journeys/<key>/draft", "journey_draft", journey_editor.draft),
    ("/journeys/<key>/backtest", "journey_backtest_begin", journey_backtest.begin),
    (
        f"/journeys/<key>/backtest/<{_INT}:number>/cancel",
        "journey_backtest_cancel",
        journey_backtest.cancel,
    ),
    ("/journeys/<key>/try", "journey_try", journey_try.play),
    ("/journeys/<key>/text", "journey_text", journey_editor.text),
    ("/journeys/<key>/discard", "journey_discard", journey_editor.discard),
    ("/journeys/<key>/save", "journey_save", journey_launch.save),
    ("/journeys/<key>/launch", "journey_launch_do", journey_launch.launch),
    ("/journeys/<key>/rollout", "journey_rollout", journey_rollout.act),
    ("/journeys/<key>/approve", "journey_approve", journey_launch.approve),
    ("/journeys/<key>/versions", "journey_revert", journey_versions.revert),
    ("/journeys/<key>/winner", "journey_pick", journey_report.pick),
    ("/journeys/<key>/remove", "journey_remove", journey_versions.remove),
    ("/messages", "messages_act", messages.act_all),
    ("/messages/deliveries/<name>", "message_act", messages.act_one),
    ("/messages/broadcasts/-new", "broadcast_create", broadcast_form.create),
    ("/messages/broadcasts/<key>/edit", "broadcast_change", broadcast_form.change),
    ("/messages/broadcasts/<key>", "broadcast_act", broadcasts.act),
    ("/messages/suppressed", "suppress", wishes.suppress),
    ("/messages/topics", "save_topic", wishes.save_topic),
    ("/messages/look", "save_look", wishes.save_look),
    ("/people/<profile>/subscriptions", "choose_for", wishes.choose),
    ("/messages/templates/-new", "template_create", stationery.create),
    ("/messages/templates/<key>", "template_change", stationery.change),
    ("/messages/templates/<key>/versions", "template_revert", written.revert),
    ("/messages/templates/<key>/remove", "template_remove", written.remove),
    ("/messages/images", "image_upload", images.upload),
    ("/messages/images/<hash_>/remove", "image_remove", images.remove),
    ("/audiences/-preview", "audience_preview", preview.preview),
    ("/audiences/-growth", "audience_growth", preview.growth),
    ("/catalogue/computed-traits/-try", "query_try", queries.attempt),
    ("/live/test", "test_event", live.send_test),
    ("/catalogue/personal", "catalogue_personal_change", classes.change),
    ("/catalogue/lists", "list_create", lists.create),
    ("/catalogue/lists/<key>", "list_replace", lists.replace),
    ("/catalogue/lists/<key>/revert", "list_revert", lists.revert),
    ("/catalogue/lists/<key>/remove", "list_remove", lists.remove),
    ("/people/exports", "export_download", exports.download),
    ("/people/imports/new", "import_upload", imports.upload),
    ("/people/imports/draft/<token>", "import_decide", imports.decide),
    (f"/people/imports/<{_INT}:number>/undo", "import_undo", imports.undo),
    ("/people/<profile>/unmerge", "unmerge_do", identity.part),
    ("/people/<profile>/delete", "person_delete", privacy.delete),
    ("/settings/identity", "identity_rules_change", identity_rules.change),
    ("/settings/identity/revert", "identity_rules_revert", identity_rules.revert),
    (f"/settings/identity/cuts/<{_INT}:number>/undo", "cut_undo", identity.undo_cut),
    ("/connections/sources/new", "source_create", sources.create),
    ("/connections/sources/<key>", "source_change", sources.change),
    ("/connections/destinations/new/<plugin>", "destination_create", destinations.create),
    ("/connections/destinations/<key>/settings", "destination_change", destinations.change),
    ("/connections/destinations/<key>/test", "destination_test", destinations.test),
    ("/connections/destinations/<key>/replay", "destination_replay", destinations.replay),
    ("/connections/destinations/<key>/replays", "replay_start", replays.start),
    ("/connections/destinations/<key>/state", "destination_state", destinations.set_state),
    ("/connections/destinations/<key>/delete", "destination_delete", destinations.delete),
    ("/settings/password", "own_password", users.own_password),
    ("/settings/tokens", "token_create", users.create_token),
    (
        f"/settings/tokens/<{_INT}:number>/revoke",
        "token_revoke",
        users.revoke_token,
    ),
    ("/settings/traits", "trait_rules_change", trait_rules.change),
    ("/settings/objects", "object_type_rename", object_kinds.rename),
    ("/settings/users", "user_create", users.create_user),
    ("/settings/users/<name>", "user_change", users.change_user),
)

#: Where each kind of definition has its pages; no key has a dash in it.
DEFINED = {
    "audiences": "/audiences",
    "computed-traits": "/catalogue/computed-traits",
    "virtual-events": "/catalogue/virtual-events",
}
#: What follows there, with the method.
DEFINED_PAGES: tuple[tuple[str, str, str, View], ...] = (
    ("GET", "", "defined", audiences.index),
    ("GET", "/-new", "defined_new", defined.new),
    ("POST", "/-new", "defined_create", defined.create),
    ("GET", "/<key>", "defined_one", audiences.page),
    ("GET", "/<key>/<tab>", "defined_tab", audiences.page),
    ("GET", "/<key>/why/<profile>", "defined_why", reasons.page),
    ("GET", "/<key>/edit", "defined_edit", defined.edit),
    ("POST", "/<key>/edit", "defined_change", defined.change),
    ("POST", "/<key>/versions", "defined_revert", defined.revert),
    ("POST", "/<key>/state", "defined_archive", defined.archive),
    ("POST", "/<key>/run", "defined_run", defined.ask_again),
    ("POST", "/<key>/members", "defined_members", by_hand.change),
    ("POST", "/<key>/remove", "defined_remove", defined.remove),
)


def create_blueprint(store: Store, settings: Settings, services: Services) -> Blueprint:
    """The console over a migrated ``store``, to be registered at the root of an app."""
    bp = Blueprint("console", __name__, template_folder="templates")
    bp.record_once(lambda state: _set_up(state, Console(store, settings, services)))
    bp.before_request(imports.limit_upload)
    bp.before_request(auth.guard)
    bp.after_request(masking.mask_json)
    bp.after_request(security.add_headers)
    bp.context_processor(layout.shared)
    errors.register(bp)
    bp.add_url_rule("/login", "login", auth.login, methods=["GET", "POST"])
    for address, endpoint, view in PAGES:
        bp.add_url_rule(address, endpoint, view, methods=["GET"])
    for address, endpoint, view in FORMS:
        bp.add_url_rule(address, endpoint, view, methods=["POST"])
    for plural, root in DEFINED.items():
        for method, rest, endpoint, view in DEFINED_PAGES:
            of = {"plural": plural}
            bp.add_url_rule(root + rest, endpoint, view, methods=[method], defaults=of)
    for method, rest, endpoint, view in limits.PAGES:
        bp.add_url_rule(f"/messages/limits{rest}", endpoint, view, methods=[method])
    for kind in wrappings.FIELDS:
        for method, rest, endpoint, view in wrappings.PAGES:
            address, which = f"/messages/{kind}s{rest}", {"kind": kind}
            name = endpoint.format(kind)
            bp.add_url_rule(address, name, view, methods=[method], defaults=which)
    return bp


def _set_up(state: BlueprintSetupState, console: Console) -> None:
    app: Flask = state.app  # type: ignore[assignment]
    app.extensions[EXTENSION] = console
    before_render_template.connect(masking.mask_context, app)
    app.secret_key = _cookie_secret(console.store)
    url = console.settings.public_url or ""
    secure = url.startswith("https://") or console.settings.tls_cert is not None
    app.config.update(
        SESSION_COOKIE_NAME="headwater",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
    )
    version = assets.fingerprint()
    app.extensions[EXTENSION + ".assets"] = version
    # A journey is handed to its canvas in the order in which it is written.
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}
    app.jinja_env.filters.update(
        iso=format.iso,
        clock=format.clock,
        day=format.day,
        short_day=format.short_day,
        number=format.number,
        percent=format.percent,
        pretty=format.pretty,
        short=format.short,
        sentence=format.sentence,
        reason=rejected.reason,
        spark_path=format.spark_path,
        inline_json=format.inline_json,
        json_tree=format.json_tree,
        person_address=persons.person_address,
        public_id=persons.face_id,
        to_json=format.to_json,
    )
    app.jinja_env.globals["line_diff"] = line_diff


def _cookie_secret(store: Store) -> str:
    """The secret that signs sessions; made once a store, shared by all web processes."""
    with store.read() as tx:
        secret = meta.get(tx, "cookie_secret")
    if secret is None:
        with store.write() as tx:
            secret = meta.get(tx, "cookie_secret")
            if secret is None:
                secret = secrets.token_urlsafe(48)
                meta.put(tx, "cookie_secret", secret)
    return secret
