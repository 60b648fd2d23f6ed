"""Every key that config.properties may have, by the kind of its value.

TorchServe 0.12 ignores a key that it does not know, so a misspelt one would leave the default in force. Source of the list: the string
constants of org.pytorch.serve.util.ConfigManager in ts/frontend/model-server.jar, and what ts/model_server.py reads itself; a test
compares it with that jar. The bounds of numbers are what TorchServe can work with.
"""

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Range:
    """The kind of a number: whole unless it may be a fraction."""

    lowest: float
    highest: float = 2**31 - 1
    whole: bool = True


TRUE_OR_FALSE: Final = ("true", "false")
TEXT: Final = "text"
HTTP: Final = "http://HOST:PORT"
HOST: Final = "a host's name or IPv4 address"
OBJECT: Final = "a JSON object"
MODES: Final = ("log", "prometheus", "legacy")  # of metrics_mode

COUNT, FROM_ONE, PORT = Range(0), Range(1), Range(1, 65535)
MILLISECONDS = Range(0, 2**63 - 1)

KINDS: Final[dict[str, str | tuple[str, ...] | Range]] = {
    "inference_address": HTTP,
    "management_address": HTTP,
    "metrics_address": HTTP,
    "grpc_inference_address": HOST,
    "grpc_management_address": HOST,
    "grpc_inference_port": PORT,
    "grpc_management_port": PORT,
    "grpc_inference_max_connection_age_ms": MILLISECONDS,
    "grpc_management_max_connection_age_ms": MILLISECONDS,
    "grpc_inference_max_connection_age_grace_ms": MILLISECONDS,
    "grpc_management_max_connection_age_grace_ms": MILLISECONDS,
    "enable_grpc_ssl": TRUE_OR_FALSE,
    "initial_worker_port": PORT,
    "initial_distribution_port": PORT,
    "keystore": TEXT,
    "keystore_pass": TEXT,
    "keystore_type": TEXT,
    "certificate_file": TEXT,
    "private_key_file": TEXT,
    "disable_token_authorization": TRUE_OR_FALSE,
    "token_expiration_min": Range(0.01, math.inf, whole=False),
    "enable_model_api": TRUE_OR_FALSE,
    "allowed_urls": TEXT,
    "use_env_allowed_urls": TRUE_OR_FALSE,
    "install_py_dep_per_model": TRUE_OR_FALSE,
    "cors_allowed_origin": TEXT,
    "cors_allowed_methods": TEXT,
    "cors_allowed_headers": TEXT,
    "blacklist_env_vars": TEXT,
    "max_request_size": FROM_ONE,
    "max_response_size": FROM_ONE,
    "limit_max_image_pixels": TRUE_OR_FALSE,
    "decode_input_request": TRUE_OR_FALSE,
    "job_queue_size": FROM_ONE,
    "default_response_timeout": FROM_ONE,
    "default_startup_timeout": FROM_ONE,
    "unregister_model_timeout": COUNT,
    "default_workers_per_model": COUNT,
    "number_of_gpu": COUNT,
    "number_of_netty_threads": COUNT,
    "netty_client_threads": COUNT,
    "io_ratio": Range(1, 100),
    "use_native_io": TRUE_OR_FALSE,
    "prefer_direct_buffer": TRUE_OR_FALSE,
    "async_logging": TRUE_OR_FALSE,
    "debug": TRUE_OR_FALSE,
    "metrics_mode": MODES,
    "metrics_config": TEXT,
    "enable_metrics_api": TRUE_OR_FALSE,
    "model_metrics_auto_detect": TRUE_OR_FALSE,
    "metric_time_interval": FROM_ONE,
    "disable_system_metrics": TRUE_OR_FALSE,
    "system_metrics_cmd": TEXT,
    "load_models": TEXT,
    "models": OBJECT,
    "model_store": TEXT,
    "model_snapshot": TEXT,
    "workflow_store": TEXT,
    "model_server_home": TEXT,
    "default_service_handler": TEXT,
    "service_envelope": TEXT,
    "ts_open_inference_protocol": TRUE_OR_FALSE,
    "ts_header_key_sequence_id": TEXT,
    "ts_header_key_sequence_start": TEXT,
    "ts_header_key_sequence_end": TEXT,
    "cpp_log_config": TEXT,
    "cpu_launcher_enable": TRUE_OR_FALSE,
    "cpu_launcher_args": TEXT,
    "ipex_enable": TRUE_OR_FALSE,
    "ipex_gpu_enable": TRUE_OR_FALSE,
    "enable_envvars_config": TRUE_OR_FALSE,
    "python": TEXT,
    # Read by the launcher, ts/model_server.py.
    "vmargs": TEXT,
    "plugins_path": TEXT,
    # This key is ours; TorchServe does not read it. Without it, a management API that other machines can reach is refused.
    "allow_open_management": TRUE_OR_FALSE,
}
