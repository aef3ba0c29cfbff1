/**
 * What is used of jose to make proofs. Not in `jose.ts`, of which a bundler keeps all for whoever needs one.
 *
 * @module
 */
export { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
