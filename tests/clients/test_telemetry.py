"""The receiver of telemetry as OpenTelemetry's SDK for Python sees it, and what it says to those who send nonsense."""

import gzip
import re

import grpc
import pytest
import requests
from conftest import DEADLINE, eventually, fresh
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
GZIP = {**PROTOBUF, "Content-Encoding": "gzip"}

WAYS = ["grpc", "grpc-gzip", "http", "http-gzip"]


def options(shop, way, path):
    if way.startswith("grpc"):
        packed = grpc.Compression.Gzip if way.endswith("gzip") else grpc.Compression.NoCompression
        return {"endpoint": f"http://{shop['otlp']}", "insecure": True, "compression": packed}
    packed = Compression.Gzip if way.endswith("gzip") else Compression.NoCompression
    return {"endpoint": f"{shop['otlp_http']}{path}", "compression": packed}


class Watched(SpanExporter):
    """An exporter whose results are kept."""

    def __init__(self, exporter):
        self.exporter, self.results = exporter, []

    def export(self, spans):
        self.results.append(self.exporter.export(spans))
        return self.results[-1]

    def shutdown(self):
        self.exporter.shutdown()


def page(shop):
    return requests.get(f"{shop['otlp_http']}/metrics", timeout=DEADLINE).text


def value(shop, series):
    found = re.search(rf"^{re.escape(series)} (.*)$", page(shop), re.MULTILINE)
    return found and float(found[1])


@pytest.mark.parametrize("way", WAYS)
def test_spans_are_taken_and_stored(shop, way):
    stored = "shopctl_telemetry_spans_stored_total"
    before = value(shop, stored)
    module = grpc_traces if way.startswith("grpc") else http_traces
    exporter = Watched(module.OTLPSpanExporter(**options(shop, way, "/v1/traces")))
    provider = TracerProvider(resource=Resource.create({"service.name": fresh("python")}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("clients")
    with tracer.start_as_current_span("outer", attributes={"shop.order.id": 42, "list": ["a", "b"], "yes": True}):
        with tracer.start_as_current_span("inner") as span:
            span.record_exception(ValueError("it went wrong"))
    provider.shutdown()
    assert exporter.results == [SpanExportResult.SUCCESS] * 2
    eventually("both spans are stored", lambda: value(shop, stored) >= before + 2)


@pytest.mark.parametrize("way", WAYS)
def test_metrics_are_on_the_page_for_prometheus(shop, way):
    module = grpc_metrics if way.startswith("grpc") else http_metrics
    service = fresh("python")
    reader = PeriodicExportingMetricReader(module.OTLPMetricExporter(**options(shop, way, "/v1/metrics")))
    provider = MeterProvider([reader], resource=Resource({"service.name": service}))
    meter = provider.get_meter("clients")
    meter.create_counter("clients.calls", unit="{call}").add(3, {"way": way})
    meter.create_histogram("clients.took", unit="s").record(0.2)
    meter.create_up_down_counter("clients.open").add(-1)
    assert provider.force_flush()
    provider.shutdown()
    assert value(shop, f'clients_calls_total{{job="{service}",way="{way}"}}') == 3
    assert value(shop, f'clients_open{{job="{service}"}}') == -1
    assert value(shop, f'clients_took_seconds_count{{job="{service}"}}') == 1
    assert value(shop, f'clients_took_seconds_bucket{{job="{service}",le="+Inf"}}') == 1


def call(shop, method, body):
    channel = grpc.insecure_channel(shop["otlp"])
    return channel.unary_unary(method, lambda body: body, lambda body: body)(body, timeout=DEADLINE)


@pytest.mark.parametrize(
    ("method", "body", "code", "why"),
    [
        (TRACES, b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, "ExportTraceServiceRequest"),
        (METRICS, b"\x0a\x05ab", grpc.StatusCode.INVALID_ARGUMENT, "ExportMetricsServiceRequest"),
        (LOGS, b"", grpc.StatusCode.UNIMPLEMENTED, "logs are not received"),
        (TRACES + "s", b"", grpc.StatusCode.UNIMPLEMENTED, "TraceService"),
    ],
)
def test_grpc_says_what_is_wrong(shop, method, body, code, why):
    with pytest.raises(grpc.RpcError) as error:
        call(shop, method, body)
    assert (error.value.code(), why in error.value.details()) == (code, True), error.value.details()


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "why"),
    [
        ("/v1/traces", PROTOBUF, b"\xff\xff\xff", 400, b"ExportTraceServiceRequest"),
        ("/v1/metrics", PROTOBUF, b"nonsense", 400, b"ExportMetricsServiceRequest"),
        ("/v1/traces", GZIP, b"not packed", 400, b"gzip"),
        ("/v1/traces", GZIP, gzip.compress(bytes(64 << 20)), 413, b"8388608"),
        ("/v1/traces", {"Content-Type": "application/json"}, b"{}", 415, b"http/protobuf"),
        ("/v1/traces", {**PROTOBUF, "Content-Encoding": "zstd"}, b"", 415, b"gzip"),
        ("/v1/logs", PROTOBUF, b"", 501, b"logs are not received"),
        ("/v1/nothing", PROTOBUF, b"", 404, b"/v1/traces"),
    ],
)
def test_http_says_what_is_wrong(shop, path, headers, body, status, why):
    answer = requests.post(f"{shop['otlp_http']}{path}", body, headers=headers, timeout=DEADLINE)
    assert (answer.status_code, why in answer.content) == (status, True), answer.content
    assert answer.headers["Content-Type"] == PROTOBUF["Content-Type"]


def test_spans_without_ids_are_counted_as_refused_on_both_ways(shop):
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(name="without any id")
    spans.add(name="of another trace", trace_id=b"x" * 16, span_id=b"y" * 8)
    body = request.SerializeToString()
    answers = [
        call(shop, TRACES, body),
        requests.post(f"{shop['otlp_http']}/v1/traces", body, headers=PROTOBUF, timeout=DEADLINE).content,
    ]
    for answer in answers:
        refused = ExportTraceServiceResponse.FromString(answer).partial_success
        assert (refused.rejected_spans, "trace_id" in refused.error_message) == (1, True), refused
