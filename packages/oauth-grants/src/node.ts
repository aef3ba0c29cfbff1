/**
 * What needs Node: a browser on this machine, a person at a terminal, and a store that survives the process.
 *
 * @module
 */

export { type FileStoreOptions, fileStore } from './node/file-store.ts'
export { type LoopbackReceiverOptions, loopbackReceiver } from './node/loopback-receiver.ts'
export { type Output, pastedRedirect, terminalPrompt } from './node/terminal.ts'
