using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ( name = "worker",
      worker = (
        modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
        compatibilityDate = "2026-11-01",
        bindings = [
          (name = "API_URL", fromEnvironment = "API_URL"),
          (name = "CLIENT_ID", fromEnvironment = "CLIENT_ID"),
          (name = "CLIENT_SECRET", fromEnvironment = "CLIENT_SECRET"),
        ],
        globalOutbound = "network",
      ),
    ),
    # By default a Worker cannot reach this machine itself, where the servers of the example are.
    (name = "network", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
