//! `status`, `cancel`, signals, several workers, pipes: a campaign as an operator handles it.
