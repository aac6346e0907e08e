/**
 * A small server, cheap when idle and durable always. These are given on the command line and not
 * kept in the data directory, so that a newer release of ours changes them without a migration.
 */
const small = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '60',
  shared_buffers: '64MB',
  huge_pages: 'off',
  // In the folder of the data: what a killed server leaves there is its own to clear away, and goes with it.
  dynamic_shared_memory_type: 'mmap',
  // Reading by itself, a backend needs no pool of readers that sit idle.
  io_method: 'sync',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  // Nothing is replicated from here. Yet not `minimal`: with that a crash takes back the numbers that a sequence gave since
  // the transaction that made and first used it.
  wal_level: 'replica',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  min_wal_size: '16MB',
  max_wal_size: '256MB',
  checkpoint_timeout: '15min',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

/** The server's settings: ours, then the caller's, then where its socket is. */
export function settingsOf(
  socketFolder: string,
  settings: Record<string, string> = {},
): Record<string, string> {
  // A list of directories: the quotes keep a comma or a space in the path from dividing it.
  const directories = `"${socketFolder.replaceAll('"', '""')}"`
  return { ...small, ...settings, unix_socket_directories: directories, port: '5432' }
}
