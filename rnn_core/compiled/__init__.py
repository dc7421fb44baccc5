"""Nets of the cells rnn, gru and lstm, trained on the CPU by compiled loops."""
